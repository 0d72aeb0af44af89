"""`adapter.preflight.certificates` and `dates`: from when until when certificates are valid.

Dates of two digits (UTCTime) are those before 2050, of four (GeneralizedTime) those after: RFC 5280 section 4.1.2.5.
"""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest

from adapter.preflight.certificates import check_dates, check_file
from adapter.preflight.dates import validities
from adapter.preflight.finding import Verdict
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400
YEAR = 365 * DAY
NEW_YEAR_2022 = 1_640_995_200


def der(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x82)) + len(content).to_bytes(2) + content


def pem(begin: bytes, end: bytes) -> str:
    """As much of a certificate as is looked at; `begin` and `end` are DER."""
    signed = der(0xA0, b"\x02\x01\x02") + der(2, b"\1") + der(0x30, b"") + der(0x30, b"") + der(0x30, begin + end)
    text = base64.encodebytes(der(0x30, der(0x30, signed))).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


def utc(text: str) -> bytes:
    return der(0x17, text.encode())


def general(text: str) -> bytes:
    return der(0x18, text.encode())


def test_dates_of_both_forms_are_read() -> None:
    text = pem(utc("220101000000Z"), utc("220102000000Z")) + pem(utc("991231235959Z"), general("20500101000000Z"))
    assert validities(text) == [(NEW_YEAR_2022, NEW_YEAR_2022 + DAY), (946_684_799, 2_524_608_000)]


def test_dates_are_those_that_openssl_tells(tmp_path: Path) -> None:
    certificate, _ = Authority(tmp_path, "authority").sign("adapter")
    command = ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in", str(certificate)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    [(begin, end)] = validities(certificate.read_text())
    assert end - begin == DAY
    finding = check_file("X", str(certificate), begin, authorities=False)
    day = told.removeprefix("notAfter=")[:16]
    assert finding.text == f"{certificate} is valid until {day} UTC"


@pytest.mark.parametrize("cut", [1, 20, 30, 60])
def test_what_is_no_certificate_is_a_value_error_and_nothing_else(cut: int) -> None:
    whole = base64.b64decode("".join(pem(utc("220101000000Z"), utc("220102000000Z")).split("\n")[1:-2]))
    broken = base64.b64encode(whole[:cut]).decode()
    with pytest.raises(ValueError, match=r".*"):
        validities(f"-----BEGIN CERTIFICATE-----\n{broken}\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(
    ("validity", "verdict", "text"),
    [
        ((0, YEAR), Verdict.OK, "is valid until 1971-01-01 00:00 UTC"),
        ((-YEAR, 10 * DAY), Verdict.WARNING, "is valid until 1970-01-11 00:00 UTC, for 10 days"),
        ((-YEAR, DAY), Verdict.WARNING, "is valid until 1970-01-02 00:00 UTC, for 24 hours"),
        ((-0.5 * DAY, 0.5 * DAY), Verdict.OK, "is valid until 1970-01-01 12:00 UTC"),
        ((-YEAR, 0), Verdict.FAILED, "has expired on 1970-01-01 00:00 UTC"),
        ((1, YEAR), Verdict.FAILED, "is not valid before 1970-01-01 00:00 UTC"),
    ],
)
def test_the_dates_of_a_certificate(validity: tuple[float, float], verdict: Verdict, text: str) -> None:
    finding = check_dates("X", validity, 0.0)
    assert (finding.verdict, finding.text) == (verdict, text)


OVER = pem(utc("220101000000Z"), utc("230101000000Z"))
GOOD = pem(utc("220101000000Z"), utc("320101000000Z"))


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
