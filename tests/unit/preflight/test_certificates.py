"""`adapter.preflight.certificates`: from when until when certificates are valid."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapter.preflight.certificates import check_dates, check_file, check_revocation_lists
from adapter.preflight.finding import Verdict
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
YEAR = 365 * DAY
NEW_YEAR_2022 = 1_640_995_200


def pem(begin: int, end: int) -> str:
    """A certificate that is valid between two moments, seconds since the epoch."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "adapter")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(begin, UTC))
        .not_valid_after(datetime.fromtimestamp(end, UTC))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_dates_are_those_that_openssl_tells(tmp_path: Path) -> None:
    certificate, _ = Authority(tmp_path, "authority").sign("adapter")
    command = ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in", str(certificate)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    finding = check_file("X", str(certificate), time.time(), authorities=False)
    day = told.removeprefix("notAfter=")[:16]
    assert finding.text == f"{certificate} is valid until {day} UTC"


@pytest.mark.parametrize(
    ("validity", "verdict", "text"),
    [
        ((0, YEAR), Verdict.OK, "is valid until 1971-01-01 00:00 UTC"),
        ((-YEAR, 10 * DAY), Verdict.WARNING, "is valid until 1970-01-11 00:00 UTC, for 10 days"),
        ((-YEAR, DAY), Verdict.WARNING, "is valid until 1970-01-02 00:00 UTC, for 24 hours"),
        ((-0.5 * DAY, 0.5 * DAY), Verdict.OK, "is valid until 1970-01-01 12:00 UTC"),
        ((-YEAR, 0), Verdict.FAILED, "expired on 1970-01-01 00:00 UTC"),
        ((1, YEAR), Verdict.FAILED, "is not valid before 1970-01-01 00:00 UTC"),
    ],
)
def test_the_dates_of_a_certificate(validity: tuple[float, float], verdict: Verdict, text: str) -> None:
    finding = check_dates("X", validity, 0.0)
    assert (finding.verdict, finding.text) == (verdict, text)


OVER = pem(NEW_YEAR_2022, NEW_YEAR_2022 + YEAR)
GOOD = pem(NEW_YEAR_2022, NEW_YEAR_2022 + 10 * YEAR)


@pytest.mark.parametrize(
    ("text", "authorities", "verdict"),
    [
        (GOOD, True, Verdict.OK),
        (GOOD + OVER, True, Verdict.WARNING),
        (OVER, True, Verdict.FAILED),
        (GOOD + OVER, False, Verdict.FAILED),
        ("", False, Verdict.FAILED),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", False, Verdict.FAILED),
    ],
)
def test_every_certificate_of_a_chain_counts_and_any_of_the_authorities(
    tmp_path: Path, *, text: str, authorities: bool, verdict: Verdict
) -> None:
    file = tmp_path / "file.pem"
    file.write_text(text)
    now = NEW_YEAR_2022 + 3 * YEAR
    assert check_file("X", str(file), now, authorities=authorities).verdict is verdict


def revocations(begin: int, end: int, authority: str = "authority") -> str:
    """A list that is valid between two moments, seconds since the epoch."""
    key = ec.generate_private_key(ec.SECP256R1())
    one = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)]))
        .last_update(datetime.fromtimestamp(begin, UTC))
        .next_update(datetime.fromtimestamp(end, UTC))
        .sign(key, hashes.SHA256())
    )
    return one.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(-1, Verdict.FAILED), (1, Verdict.OK), (29.5 * DAY, Verdict.WARNING), (30 * DAY, Verdict.FAILED)],
)
def test_of_revocation_lists_the_first_to_expire_counts(tmp_path: Path, now: float, verdict: Verdict) -> None:
    path = tmp_path / "lists.pem"
    begin = NEW_YEAR_2022
    path.write_text(revocations(begin, begin + YEAR, "other") + revocations(begin, begin + 30 * DAY))
    assert check_revocation_lists("X", str(path), begin + now).verdict is verdict


def test_of_the_revocation_lists_of_one_authority_the_newest_counts(tmp_path: Path) -> None:
    path = tmp_path / "lists.pem"
    begin = NEW_YEAR_2022
    lists = (revocations(begin, begin + 30 * DAY), revocations(begin + 30 * DAY, begin + YEAR))
    for text in ("".join(lists), "".join(reversed(lists))):
        path.write_text(text)
        assert check_revocation_lists("X", str(path), begin + 40 * DAY).verdict is Verdict.OK


@pytest.mark.parametrize("text", ["", GOOD, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_a_file_without_a_revocation_list_fails(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lists.pem"
    path.write_text(text)
    finding = check_revocation_lists("X", str(path), NEW_YEAR_2022)
    assert (finding.verdict, finding.text) == (Verdict.FAILED, f"{path} contains no PEM revocation list")
    path.unlink()
    assert check_revocation_lists("X", str(path), NEW_YEAR_2022).verdict is Verdict.FAILED
