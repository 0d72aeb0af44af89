"""The property table of MQTT 5.0, entry by entry, and what the values may be."""

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties

from adapter.errors import ProtocolError
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import WILL, Property, decode_properties, encode_property

CONNECT, PUBLISH, SUBSCRIBE = PacketType.CONNECT, PacketType.PUBLISH, PacketType.SUBSCRIBE
UNSUBSCRIBE, DISCONNECT, AUTH = PacketType.UNSUBSCRIBE, PacketType.DISCONNECT, PacketType.AUTH
ACKS = {PacketType.PUBACK, PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP}
FROM_CLIENTS = {CONNECT, PUBLISH, WILL, *ACKS, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH}

# Table 2-4, as far as clients send: identifier → a good value, what it means, the packets.
TABLE: dict[int, tuple[str, object, set[int]]] = {
    0x01: ("01", 1, {PUBLISH, WILL}),
    0x02: ("00000e10", 3600, {PUBLISH, WILL}),
    0x03: ("000a746578742f706c61696e", "text/plain", {PUBLISH, WILL}),
    0x08: ("0003612f62", "a/b", {PUBLISH, WILL}),
    0x09: ("000200ff", b"\x00\xff", {PUBLISH, WILL}),
    0x0B: ("ffffff7f", 268_435_455, {SUBSCRIBE}),
    0x11: ("ffffffff", 4_294_967_295, {CONNECT, DISCONNECT}),
    0x12: ("000163", "c", set()),
    0x13: ("003c", 60, set()),
    0x15: ("000b534352414d2d5348412d31", "SCRAM-SHA-1", {CONNECT, AUTH}),
    0x16: ("0000", b"", {CONNECT, AUTH}),
    0x17: ("00", 0, {CONNECT}),
    0x18: ("0000000a", 10, {WILL}),
    0x19: ("01", 1, {CONNECT}),
    0x1A: ("000172", "r", set()),
    0x1C: ("000173", "s", set()),
    0x1F: ("0003776879", "why", {*ACKS, DISCONNECT, AUTH}),
    0x21: ("0014", 20, {CONNECT}),
    0x22: ("0000", 0, {CONNECT}),
    0x23: ("ffff", 65_535, {PUBLISH}),
    0x24: ("01", 1, set()),
    0x25: ("01", 1, set()),
    0x27: ("00000001", 1, {CONNECT}),
    0x28: ("01", 1, set()),
    0x29: ("01", 1, set()),
    0x2A: ("01", 1, set()),
}
USER = "26 0001 61 0001 62"
# Servers may send these in packets that clients send too.
SERVER_ONLY = {(0x0B, PUBLISH), (0x1C, DISCONNECT)}


def read(raw: str | bytes, packet: int) -> tuple[dict[Property, object], tuple[tuple[str, str], ...]]:
    properties = decode_properties(Reader(bytes.fromhex(raw) if isinstance(raw, str) else raw), packet)
    return properties.values, properties.user


def code_of(raw: str | bytes, packet: int) -> int:
    with pytest.raises(ProtocolError) as raised:
        read(raw, packet)
    return raised.value.code


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_a_property_may_stand_where_the_table_says(identifier: int) -> None:
    raw, value, packets = TABLE[identifier]
    for packet in packets:
        assert read(f"{identifier:02x}{raw}", packet) == ({Property(identifier): value}, ())


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_a_property_anywhere_else_is_malformed_or_only_for_servers(identifier: int) -> None:
    """Section 2.2.2.2 says malformed; what only servers may say there can be parsed, and is a protocol error."""
    raw, _, packets = TABLE[identifier]
    for packet in FROM_CLIENTS - packets:
        expected = 0x82 if (identifier, packet) in SERVER_ONLY else 0x81
        assert code_of(f"{identifier:02x}{raw}", packet) == expected


@pytest.mark.parametrize("packet", FROM_CLIENTS)
def test_user_properties_may_stand_everywhere_as_often_as_they_like_and_keep_their_order(packet: int) -> None:
    assert read(USER + "26 0000 0000" + USER, packet) == ({}, (("a", "b"), ("", ""), ("a", "b")))


@pytest.mark.parametrize("packet", FROM_CLIENTS)
def test_unknown_identifiers_are_malformed(packet: int) -> None:
    for identifier in {*range(256)} - {*TABLE, 0x26}:
        raw = bytes([identifier]) if identifier < 0x80 else bytes([identifier, 0x01])
        assert code_of(raw + bytes(8), packet) == 0x81


def test_an_identifier_that_is_longer_than_it_must_be_is_malformed() -> None:
    assert code_of("8100 01", PUBLISH) == 0x81


@pytest.mark.parametrize("identifier", TABLE, ids=hex)
def test_a_property_twice_is_a_protocol_error(identifier: int) -> None:
    raw, _, packets = TABLE[identifier]
    for packet in packets:
        assert code_of(f"{identifier:02x}{raw}" * 2, packet) == 0x82
        assert code_of(f"{identifier:02x}{raw}" + USER + f"{identifier:02x}{raw}", packet) == 0x82


@pytest.mark.parametrize(
    ("raw", "packet", "code"),
    [
        ("01 02", PUBLISH, 0x82),
        ("01 ff", WILL, 0x82),
        ("17 02", CONNECT, 0x82),
        ("19 02", CONNECT, 0x82),
        ("21 0000", CONNECT, 0x82),
        ("27 00000000", CONNECT, 0x82),
        ("0b 00", SUBSCRIBE, 0x82),
        ("23 0000", PUBLISH, 0x94),  # [MQTT-3.3.2-8]
    ],
    ids=[
        "payload format 2",
        "payload format 255",
        "request problem information 2",
        "request response information 2",
        "Receive Maximum 0",
        "Maximum Packet Size 0",
        "Subscription Identifier 0",
        "Topic Alias 0",
    ],
)
def test_a_value_out_of_its_range_has_the_code_of_its_section(raw: str, packet: int, code: int) -> None:
    assert code_of(raw, packet) == code


@pytest.mark.parametrize(
    ("raw", "packet"),
    [
        ("01", PUBLISH),
        ("02 000000", PUBLISH),
        ("03 0005 61", PUBLISH),
        ("03 0001 ff", PUBLISH),
        ("03 0001 00", PUBLISH),
        ("09 0002 61", PUBLISH),
        ("0b 80", SUBSCRIBE),
        ("0b 8000", SUBSCRIBE),
        ("0b 8080808001", SUBSCRIBE),
        ("21 00", CONNECT),
        ("26 0001 61", CONNECT),
        ("26 0001 61 0001 ff", CONNECT),
        ("26 0001 00 0001 61", CONNECT),
    ],
)
def test_a_value_that_cannot_be_read_is_malformed(raw: str, packet: int) -> None:
    assert code_of(raw, packet) == 0x81


def test_no_properties_are_an_empty_list() -> None:
    assert read("", CONNECT) == ({}, ())


def test_the_table_agrees_with_pahos() -> None:
    """Their table has all packets; what a client sends of it is ours, but for what only servers may send there."""
    theirs = PahoProperties(PacketTypes.CONNECT).properties  # type: ignore[no-untyped-call] # paho's types are partial
    will = {PacketTypes.WILLMESSAGE: WILL}
    ours = {identifier: packets for identifier, (_, _, packets) in TABLE.items()} | {0x26: FROM_CLIENTS}
    expected = {
        identifier: {will.get(packet, packet) for packet in packets}
        & FROM_CLIENTS - {packet for only, packet in SERVER_ONLY if only == identifier}
        for identifier, (_, packets) in theirs.items()
    }
    assert ours == expected


@pytest.mark.parametrize(
    ("name", "value", "raw"),
    [
        (Property.MAXIMUM_QOS, 1, "24 01"),
        (Property.RECEIVE_MAXIMUM, 1000, "21 03e8"),
        (Property.SESSION_EXPIRY_INTERVAL, 0, "11 00000000"),
        (Property.REASON_STRING, "wärme", "1f 0006 77c3a4726d65"),
    ],
)
def test_properties_of_ours_are_written_as_the_table_says(name: Property, value: object, raw: str) -> None:
    assert encode_property(name, value) == bytes.fromhex(raw)
