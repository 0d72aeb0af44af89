"""The PROXY protocol, as bytes of the haproxy specification."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ProtocolError
from adapter.mqtt.proxy_header import LARGEST, SIGNATURE, read_header

TCP4 = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
TCP6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n"
# The longest line that the specification names (section 2.1).
LONGEST = (
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".replace(
        b"f...f", b"ffff:ffff:ffff:ffff:ffff:ffff"
    )
)  # fmt: skip
ADDRESSES_4 = bytes([192, 0, 2, 1, 198, 51, 100, 7]) + b"\xdc\x04\x01\xbb"
ADDRESSES_6 = bytes.fromhex("20010db8000000000000000000000007" + "20010db8000000000000000000000001") + b"\xff\xff\0\0"


def binary(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


def test_the_signature_is_that_of_the_specification() -> None:
    assert bytes.fromhex("0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A") == SIGNATURE


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (TCP4, "192.0.2.1"),
        (TCP6, "2001:db8::7"),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
        (b"PROXY UNKNOWN\r\n", None),
        (LONGEST, None),
        (binary(0x21, 0x11, ADDRESSES_4), "192.0.2.1"),
        (binary(0x21, 0x21, ADDRESSES_6), "2001:db8::7"),
        (binary(0x21, 0x31, bytes(216)), None),
        (binary(0x21, 0x00, b""), None),
        (binary(0x20, 0x00, b""), None),
        (binary(0x20, 0x11, ADDRESSES_4), None),
        (binary(0x20, 0x5F, b"whatever"), None),
        (binary(0x21, 0x11, ADDRESSES_4 + b"\x02\x00\x03a.b\x04\x00\x00"), "192.0.2.1"),
    ],
)
def test_a_header_is_read_to_its_end_and_no_further(header: bytes, address: str | None) -> None:
    assert read_header(header + b"\x10\x0c\0\4MQTT") == (address, len(header))
    for end in range(len(header)):
        assert read_header(header[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x10\x0c\0\4MQTT",
        b"GET /mqtt HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"proxy tcp4 192.0.2.1 198.51.100.7 56324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
        b"PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 56324 443\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::1 56324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN \r \r\n",
        b"PROXY " + b"x" * 101,
        binary(0x11, 0x11, ADDRESSES_4),
        binary(0x22, 0x11, ADDRESSES_4),
        binary(0x21, 0x12, ADDRESSES_4),
        binary(0x21, 0x41, ADDRESSES_4),
        binary(0x21, 0x11, ADDRESSES_4[:-1]),
        binary(0x21, 0x21, ADDRESSES_4),
        binary(0x21, 0x11, ADDRESSES_4 + b"\x02"),
        binary(0x21, 0x11, ADDRESSES_4 + b"\x02\x00\x04a.b"),
        SIGNATURE + b"\x21\x11" + (LARGEST - 15).to_bytes(2, "big"),
    ],
)
def test_everything_else_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="PROXY protocol"):
        read_header(data)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
        st.binary(max_size=120).map(lambda tail: b"PROXY " + tail),
        st.from_regex(rb"PROXY TCP[46] [\d.:a-f]{1,20} [\d.:a-f]{1,20} \d{1,6} \d{1,6}\r?\n", fullmatch=True),
        st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=240)).map(lambda parts: binary(*parts)),
    )
)
def test_a_header_or_a_protocol_error_nothing_else(data: bytes) -> None:
    """... or more bytes are needed, and then there are fewer than the largest header has."""
    try:
        header = read_header(data)
    except ProtocolError:
        return
    if header is None:
        assert len(data) < LARGEST
        return
    address, size = header
    assert 0 < size <= len(data)
    assert read_header(data[:size]) == (address, size)
