"""The DISCONNECT of a client, byte by byte."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.disconnect import Disconnect, decode_disconnect
from adapter.reasons import ReasonCode
from tests.support.damage import damaged

# Table 3-10: what "Client" or "Client or Server" may send.
CLIENT_CODES = {0x00, 0x04, *range(0x80, 0x84), 0x90, *range(0x93, 0x9A)}
GOOD = [
    (4, "", Disconnect()),
    (5, "", Disconnect()),
    (5, "00", Disconnect()),
    (5, "04", Disconnect(ReasonCode.DISCONNECT_WITH_WILL)),
    (5, "00 00", Disconnect()),
    (5, "00 05 11 0000003c", Disconnect(session_expiry=60)),
    (5, "80 0d 1f 0003 627965 26 0001 61 0001 62", Disconnect(ReasonCode.UNSPECIFIED_ERROR)),
]


@pytest.mark.parametrize(("level", "body", "expected"), GOOD)
def test_a_disconnect_says_why_in_5_0(level: int, body: str, expected: Disconnect) -> None:
    assert decode_disconnect(bytes.fromhex(body), level) == expected


def test_a_client_may_say_what_the_table_allows_it() -> None:
    for code in CLIENT_CODES:
        assert decode_disconnect(bytes([code]), 5) == Disconnect(ReasonCode(code))


@pytest.mark.parametrize("code", sorted({*range(256)} - CLIENT_CODES), ids=hex)
def test_any_other_code_is_malformed(code: int) -> None:
    with pytest.raises(MalformedPacketError, match=r"MQTT-3\.14\.2-1"):
        decode_disconnect(bytes([code]), 5)


@pytest.mark.parametrize(
    ("level", "body", "code"),
    [
        (4, "00", 0x81),
        (5, "00 05 11 0000", 0x81),
        (5, "00 00 00", 0x81),
        (5, "00 0a 11 00000001 11 00000001", 0x82),
        (5, "00 04 1c 0001 73", 0x82),  # only servers refer elsewhere (3.14.2.2.5)
        (5, "00 03 21 0001", 0x81),
        (5, "00 80", 0x81),
        (5, "00 8000", 0x81),
    ],
)
def test_a_wrong_disconnect_has_the_code_of_its_section(level: int, body: str, code: int) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_disconnect(bytes.fromhex(body), level)
    assert raised.value.code == code


@given(damaged(*(bytes.fromhex(body) for _, body, _ in GOOD)), st.sampled_from([4, 5]))
def test_any_bytes_give_a_disconnect_or_a_protocol_error_and_nothing_else(body: bytes, level: int) -> None:
    with suppress(ProtocolError):
        assert decode_disconnect(body, level).code in CLIENT_CODES
