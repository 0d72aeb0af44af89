"""Dates of certificates: those in the files that the settings name, and those that brokers show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from adapter.preflight.finding import failed, ok, warning

if TYPE_CHECKING:
    from adapter.preflight.finding import Finding

CHECK = "certificate"
DAY = 86_400.0
# Time enough to renew one by hand. Those that live for hours are renewed by programs, in the last third or before.
SOON = 14 * DAY
LAST_PART = 5


def check_file(variable: str, file: str, now: float, *, authorities: bool) -> Finding:
    """Of several `authorities` one that is over may not matter; of a chain every certificate does."""
    try:
        certificates = x509.load_pem_x509_certificates(Path(file).read_bytes())
    except OSError as error:
        return failed(CHECK, variable, f"{file} cannot be read ({error.strerror})", "name a PEM file")
    except ValueError:
        return failed(CHECK, variable, f"{file} holds no certificate in PEM", "name a PEM file with one")
    dates = [(one.not_valid_before_utc.timestamp(), one.not_valid_after_utc.timestamp()) for one in certificates]
    over = [validity for validity in dates if not validity[0] <= now < validity[1]]
    if authorities and over and len(over) < len(dates):
        text = f"{len(over)} of {len(dates)} authorities in {file} are not valid today"
        return warning(CHECK, variable, text, "remove them, and add what replaces them")
    return check_dates(variable, (max(begin for begin, _ in dates), min(end for _, end in dates)), now, f"{file} ")


def check_dates(subject: str, validity: tuple[float, float], now: float, whose: str = "") -> Finding:
    """One certificate; `whose` begins the sentence."""
    begin, end = validity
    fix = "renew it"
    if now < begin:
        fix += ", or set the clock right"
        return failed(CHECK, subject, f"{whose}is not valid before {_day(begin)}", fix)
    if now >= end:
        return failed(CHECK, subject, f"{whose}has expired on {_day(end)}", fix)
    text = f"{whose}is valid until {_day(end)}"
    if end - now < min(SOON, (end - begin) / LAST_PART):
        return warning(CHECK, subject, f"{text}, for {_left(end - now)}", fix)
    return ok(CHECK, subject, text)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _left(seconds: float) -> str:
    days = int(seconds / DAY)
    return f"{days} days" if days > 1 else f"{seconds / 3600:.0f} hours"
