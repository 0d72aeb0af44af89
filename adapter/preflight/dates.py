"""From when until when certificates are valid, read from PEM files.

The `ssl` module shows dates of authorities and of peers, not of one's own certificate, and a library for
certificates would be needed for nothing else. So this walks over DER (X.690) to the one field, RFC 5280 section 4.1:

    Certificate     SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer,
                                                         validity SEQUENCE { notBefore, notAfter }, … }, … }
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 0xA0
UTC_TIME = 0x17
LONG_FORM = 0x80
BEFORE_VALIDITY = 3  # serialNumber, signature, issuer
CENTURY = 2000  # "20" in front of a year of two digits below the next …
SPLIT_YEAR = 50  # … and "19" else: RFC 5280 section 4.1.2.5.1

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def validities(pem: str) -> list[tuple[float, float]]:
    """Begin and end of each certificate, in its order, seconds since the epoch. Raises ValueError for what is none."""
    return [_validity(ssl.PEM_cert_to_DER_cert(block)) for block in _PEM.findall(pem)]


def _validity(certificate: bytes) -> tuple[float, float]:
    [(_, whole)] = _elements(certificate)
    [(_, signed), *_] = _elements(whole)
    fields = [(tag, content) for tag, content in _elements(signed) if tag != VERSION]
    if len(fields) <= BEFORE_VALIDITY:
        raise ValueError("is not a certificate")
    [begin, end] = _elements(fields[BEFORE_VALIDITY][1])
    return _time(*begin), _time(*end)


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(content):
        if place + 2 > len(content):
            raise ValueError("is not a certificate")
        tag, length = content[place : place + 2]
        place += 2
        if length >= LONG_FORM:
            digits = length - LONG_FORM
            length = int.from_bytes(content[place : place + digits])
            place += digits
        if place + length > len(content):
            raise ValueError("is not a certificate")
        yield tag, content[place : place + length]
        place += length


def _time(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == UTC_TIME:
        text = str((CENTURY if int(text[:2]) < SPLIT_YEAR else CENTURY - 100) + int(text[:2])) + text[2:]
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
