"""The packets of `verify`, byte by byte: they share nothing with the adapter's codec."""

from __future__ import annotations

import pytest

from adapter.verify import packets
from tests.support import packets as by_hand


@pytest.mark.parametrize("level", [4, 5])
def test_a_connect_and_a_publish_are_as_the_specifications_say(level: int) -> None:
    assert packets.connect("d1", level, 60, None, None) == by_hand.connect("d1", level=level, keep_alive=60)
    for qos, dup in ((0, False), (1, False), (1, True)):
        made = packets.publish("t/x", b"p" * 200, qos, 258, level, dup=dup)
        assert made == by_hand.publish("t/x", b"p" * 200, qos=qos, packet_id=258, level=level, dup=dup)


def test_credentials_stand_in_the_connect() -> None:
    assert packets.connect("d", 4, 10, "u@t", "pw") == (
        b"\x10\x16\x00\x04MQTT\x04\xc2\x00\x0a\x00\x01d\x00\x03u@t\x00\x02pw"
    )


@pytest.mark.parametrize(
    ("connack", "expected"),
    [
        (b"\x00\x00\x00", 65_535),
        (b"\x00\x00\x03\x21\x00\x14", 20),
        (b"\x00\x00\x12\x12\x00\x03abc\x26\x00\x01k\x00\x01v\x21\x03\xe8", 1000),
    ],
)
def test_the_receive_maximum_of_a_5_0_connack_is_found(connack: bytes, expected: int) -> None:
    assert packets.receive_maximum(connack, 5) == expected
    assert packets.receive_maximum(b"\x00\x00", 4) == 65_535


@pytest.mark.parametrize(
    ("code", "level", "name"),
    [(5, 4, "0x05 (not authorized)"), (0x87, 5, "0x87 (not authorized)"), (6, 4, "0x06"), (0xFF, 5, "0xff")],
)
def test_codes_have_the_names_of_the_standard(code: int, level: int, name: str) -> None:
    assert packets.name_of(code, level) == name
