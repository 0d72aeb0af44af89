"""SUBSCRIBE and UNSUBSCRIBE, byte by byte."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ProtocolError
from adapter.mqtt.subscribe import decode_subscribe, decode_unsubscribe
from tests.support.damage import damaged

SUBSCRIBES = [
    (4, "000a 0003 612f62 01", 1),
    (4, "000a 0003 612f62 00 0001 23 02", 2),
    (4, "ffff 0008 2473686172652f67 00", 1),  # "$share/g" is a filter like any other in 3.1.1
    (5, "000a 00 0003 612f62 01", 1),
    (5, "000a 02 0b05 0001 2b 2e 0003 2f2f23 1d", 2),  # a Subscription Identifier; all options
    (5, "000a 09 0b05 26 0001 61 0001 62 0001 61 00", 1),
    (5, "000a 00 000a 2473686172652f672f61 02", 1),  # $share/g/a
]
UNSUBSCRIBES = [
    (4, "000a 0003 612f62", 1),
    (4, "000a 0003 612f62 0001 23", 2),
    (5, "000a 00 0001 2b", 1),
    (5, "000a 07 26 0001 61 0001 62 0001 61 0001 62", 2),
]


@pytest.mark.parametrize(("level", "body", "count"), SUBSCRIBES)
def test_a_subscribe_has_an_identifier_and_filters(level: int, body: str, count: int) -> None:
    raw = bytes.fromhex(body)
    assert decode_subscribe(raw, level) == (raw[:2], count)


@pytest.mark.parametrize(("level", "body", "count"), UNSUBSCRIBES)
def test_an_unsubscribe_has_an_identifier_and_filters(level: int, body: str, count: int) -> None:
    raw = bytes.fromhex(body)
    assert decode_unsubscribe(raw, level) == (raw[:2], count)


@pytest.mark.parametrize(
    ("level", "body", "code", "clause"),
    [
        (4, "", 0x81, ""),
        (4, "0000 0001 61 00", 0x81, "2.3.1-1"),
        (4, "000a", 0x82, "3.8.3-3"),
        (4, "000a 0001 61", 0x81, ""),
        (4, "000a 0002 61 00", 0x81, ""),
        (4, "000a 0000 00", 0x81, "4.7.3-1"),
        (4, "000a 0001 ff 00", 0x81, "1.5.3-1"),
        (4, "000a 0001 00 00", 0x81, "1.5.3-2"),
        (4, "000a 0002 6123 00", 0x81, "4.7.1-2"),
        (4, "000a 0002 612b 00", 0x81, "4.7.1-3"),
        (4, "000a 0001 61 03", 0x82, "3-8.3-4"),
        (4, "000a 0001 61 04", 0x81, "3-8.3-4"),
        (4, "000a 0001 61 80", 0x81, "3-8.3-4"),
        (5, "000a", 0x81, ""),
        (5, "000a 00", 0x82, "3.8.3-2"),
        (5, "000a 03 0b05 0001 61 00", 0x81, ""),
        (5, "000a 02 0b00 0001 61 00", 0x82, ""),
        (5, "000a 04 0b01 0b02 0001 61 00", 0x82, ""),
        (5, "000a 03 230001 0001 61 00", 0x81, "2.2.2.2"),
        (5, "000a 00 0001 61 03", 0x82, "3.8.3.1"),
        (5, "000a 00 0001 61 30", 0x82, "3.8.3.1"),
        (5, "000a 00 0001 61 40", 0x81, "3.8.3-5"),
        (5, "000a 00 0001 61 80", 0x81, "3.8.3-5"),
        (5, "000a 00 000a 2473686172652f672f61 04", 0x82, "3.8.3-4"),
        (5, "000a 00 0008 2473686172652f67 00", 0x82, "4.8.2"),
        (5, "000a 00 000a 2473686172652f2b2f61 00", 0x82, "4.8.2"),
        (5, "000a 00 0001 61 00 0001 62", 0x81, ""),  # the second filter's options are missing
    ],
)
def test_a_wrong_subscribe_has_the_code_of_its_section(level: int, body: str, code: int, clause: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_subscribe(bytes.fromhex(body), level)
    assert raised.value.code == code
    assert clause in raised.value.text


@pytest.mark.parametrize(
    ("level", "body", "code", "clause"),
    [
        (4, "0000 0001 61", 0x81, "2.3.1-1"),
        (4, "000a", 0x82, "3.10.3-2"),
        (4, "000a 0000", 0x81, "4.7.3-1"),
        (4, "000a 0003 61", 0x81, ""),
        (4, "000a 0001 61 00", 0x81, ""),
        (5, "000a 00", 0x82, "3.10.3-2"),
        (5, "000a 02 0b05 0001 61", 0x81, "2.2.2.2"),
        (5, "000a 00 0003 232f61", 0x81, "4.7.1-2"),
        (5, "000a 00 0008 2473686172652f67", 0x82, "4.8.2"),
    ],
)
def test_a_wrong_unsubscribe_has_the_code_of_its_section(level: int, body: str, code: int, clause: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_unsubscribe(bytes.fromhex(body), level)
    assert raised.value.code == code
    assert clause in raised.value.text


@pytest.mark.parametrize("decode", [decode_subscribe, decode_unsubscribe])
@given(data=st.data(), level=st.sampled_from([4, 5]))
def test_any_bytes_give_filters_or_a_protocol_error_and_nothing_else(
    decode: Callable[[bytes, int], tuple[bytes, int]], data: st.DataObject, level: int
) -> None:
    body = data.draw(damaged(*(bytes.fromhex(body) for _, body, _ in SUBSCRIBES + UNSUBSCRIBES)))
    try:
        packet_id, count = decode(body, level)
    except ProtocolError:
        return
    assert packet_id == body[:2] != b"\0\0"
    assert 0 < count <= len(body) // 3
