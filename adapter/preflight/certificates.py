"""Checks when certificates and revocation lists expire: those in files that the settings name, and those of brokers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from adapter.preflight.finding import failed, ok, warning

if TYPE_CHECKING:
    from adapter.preflight.finding import Finding

CHECK = "certificate"
DAY = 86_400.0
# Enough time to renew a certificate by hand. Short-lived ones are renewed by programs before their last third is over.
SOON = 14 * DAY
LAST_PART = 5


def check_file(variable: str, file: str, now: float, *, authorities: bool) -> Finding:
    """Check every certificate in a file. An expired one always matters in a chain, but not always in `authorities`."""
    try:
        certificates = x509.load_pem_x509_certificates(Path(file).read_bytes())
    except OSError as error:
        return failed(CHECK, variable, f"{file} cannot be read ({error.strerror})", "name a PEM file")
    except ValueError:
        return failed(CHECK, variable, f"{file} contains no PEM certificate", "name a PEM file with one")
    dates = [(one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()) for one in certificates]
    over = [validity for validity in dates if not validity[0] <= now < validity[1]]
    if authorities and over and len(over) < len(dates):
        text = f"{len(over)} of {len(dates)} authorities in {file} are not valid today"
        return warning(CHECK, variable, text, "remove them, and add what replaces them")
    return check_dates(variable, (max(begin for begin, _ in dates), min(end for _, end in dates)), now, f"{file} ")


def check_revocation_lists(variable: str, file: str, now: float) -> Finding:
    """Check the newest revocation list of each authority: an expired one refuses all of its authority's clients."""
    try:
        pieces = re.findall(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", Path(file).read_bytes(), re.DOTALL)
        lists = [x509.load_pem_x509_crl(piece) for piece in pieces]
    except OSError as error:
        return failed(CHECK, variable, f"{file} cannot be read ({error.strerror})", "name a PEM file")
    except ValueError:
        lists = []
    if not lists:
        return failed(CHECK, variable, f"{file} contains no PEM revocation list", "name a PEM file with one")
    # OpenSSL goes by the newest, too: older ones may stay in the file.
    newest = {one.issuer: one for one in sorted(lists, key=lambda one: one.last_update_utc)}.values()
    begin = max(one.last_update_utc.timestamp() for one in newest)
    ends = [one.next_update_utc.timestamp() for one in newest if one.next_update_utc is not None]
    if not ends:  # RFC 5280 demands one, and OpenSSL takes a list without it for valid
        return ok(CHECK, variable, f"{file} has no end")
    return check_dates(variable, (begin, min(ends)), now, f"{file} ")


def check_dates(subject: str, validity: tuple[float, float], now: float, whose: str = "") -> Finding:
    """Check one validity period, in seconds since the epoch; `whose` begins the sentence."""
    begin, end = validity
    fix = "renew it"
    if now < begin:
        fix += ", or correct the clock"
        return failed(CHECK, subject, f"{whose}is not valid before {_day(begin)}", fix)
    if now >= end:
        return failed(CHECK, subject, f"{whose}expired on {_day(end)}", fix)
    text = f"{whose}is valid until {_day(end)}"
    if end - now < min(SOON, (end - begin) / LAST_PART):
        return warning(CHECK, subject, f"{text}, for {_left(end - now)}", fix)
    return ok(CHECK, subject, text)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _left(seconds: float) -> str:
    days = int(seconds / DAY)
    return f"{days} days" if days > 1 else f"{seconds / 3600:.0f} hours"
