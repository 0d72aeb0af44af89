"""Sections 1.5 and 2: text, integers, fixed headers, packet identifiers, property lengths."""

from __future__ import annotations

import pytest

from tests.conformance.conversation import MALFORMED, PUBACK, Conversation, Packet, ends, is_refused
from tests.support.front_end import World
from tests.support.packets import connect, packet, publish, text, varint

BOTH = pytest.mark.parametrize("level", [4, 5])
NOT_UTF8 = {
    "no lead byte": b"a\xffb",
    "cut off": b"\xc3",
    "over-long": b"\xc0\xaf",
    "first surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "U+0000": b"a\0b",
}
BAD_TEXT = pytest.mark.parametrize("bad", NOT_UTF8.values(), ids=NOT_UTF8.keys())


def listed(*properties: bytes) -> bytes:
    """A property list with its length."""
    body = b"".join(properties)
    return varint(len(body)) + body


def hello(level: int, *, client_id: bytes = b"c1", flags: int = 2, more: bytes = b"", properties: bytes = b"") -> bytes:
    head = text("MQTT") + bytes([level, flags]) + b"\0\x3c" + (listed(properties) if level == 5 else b"")
    return packet(0x10, head + text(client_id) + more)


@BOTH
@BAD_TEXT
@pytest.mark.parametrize("place", ["client identifier", "Will topic", "user name"])
def test_a_connect_with_text_that_is_not_utf8_is_not_accepted(level: int, place: str, bad: bytes) -> None:
    will_properties = b"\0" if level == 5 else b""
    packets = {
        "client identifier": hello(level, client_id=bad),
        "Will topic": hello(level, flags=6, more=will_properties + text(bad) + text("w")),
        "user name": hello(level, flags=0x82, more=text(bad)),
    }
    assert is_refused(packets[place], code=MALFORMED if level == 5 else None)


@BOTH
@BAD_TEXT
def test_a_topic_or_filter_that_is_not_utf8_ends_the_connection(level: int, bad: bytes) -> None:
    none = b"\0" if level == 5 else b""
    assert ends(level, publish(bad, level=level), code=MALFORMED)
    assert ends(level, packet(0x82, b"\0\1" + none + text(bad) + b"\0"), code=MALFORMED)
    assert ends(level, packet(0xA2, b"\0\1" + none + text(bad)), code=MALFORMED)


@BAD_TEXT
@pytest.mark.parametrize(
    "head", [b"\x03", b"\x08", b"\x26\x00\x01n", b"\x26"], ids=["content type", "response topic", "value", "name"]
)
def test_a_property_that_is_not_utf8_ends_the_connection(head: bytes, bad: bytes) -> None:
    rest = text(b"v") if head == b"\x26" else b""
    assert ends(5, publish("t", level=5, properties=head + text(bad) + rest), code=MALFORMED)


@BOTH
def test_a_zero_width_no_break_space_stays_where_it_is(level: int) -> None:
    conversation = Conversation(level)
    conversation.say(publish("\ufefft/\ufeff", level=level))
    assert [header.topic for header in conversation.world.gate.resolved] == ["\ufefft/\ufeff"]


@BOTH
@pytest.mark.parametrize("kind", [1, 4, 5, 6, 7, 8, 10, 12, 14, 15])
def test_reserved_flags_of_a_fixed_header_end_the_connection(level: int, kind: int) -> None:
    right = 2 if kind in (6, 8, 10) else 0
    for flags in set(range(16)) - {right}:
        if kind == 1:
            bad = bytes([kind << 4 | flags]) + connect(level=level)[1:]
            assert is_refused(bad, code=None), "before the version is known nothing can be said"
        else:
            assert ends(level, packet(kind << 4 | flags, b"\0\1"), code=MALFORMED)


@BOTH
@pytest.mark.parametrize(("kind", "code"), [(0, 0x81), *((kind, 0x82) for kind in (2, 9, 11, 13))])
def test_packets_that_only_servers_send_end_the_connection(level: int, kind: int, code: int) -> None:
    assert ends(level, packet(kind << 4, b"\0\1"), code=code)


@BOTH
@pytest.mark.parametrize("length", [b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f"])
def test_a_remaining_length_of_five_bytes_is_malformed(level: int, length: bytes) -> None:
    assert ends(level, b"\x30" + length, code=MALFORMED)


def test_a_variable_byte_integer_longer_than_it_must_be_is_malformed() -> None:
    body = text("t") + b"\0\1" + b"\x80\x00" + b"x"
    assert ends(5, packet(0x32, body), code=MALFORMED)
    for whole in (publish("t", level=5), publish("t", b"x" * 121, level=5), b"\xc0\0"):
        longer = whole[:1] + bytes([whole[1] | 0x80, 0]) + whole[2:]
        assert ends(5, longer, code=MALFORMED)
        assert ends(5, whole[:1] + bytes([whole[1] | 0x80, 0x80, 0]) + whole[2:], code=MALFORMED)
    hello = connect(level=5)
    assert is_refused(hello[:1] + bytes([hello[1] | 0x80, 0]) + hello[2:], code=MALFORMED)


def test_3_1_1_does_not_ask_for_the_shortest_remaining_length() -> None:
    def longer(whole: bytes) -> bytes:
        return whole[:1] + bytes([whole[1] | 0x80, 0]) + whole[2:]

    conversation = Conversation(4, longer(connect()))
    assert [each.kind for each in conversation.say_and_wait(longer(publish("t")), longer(b"\xc0\0"))] == [13, PUBACK]


def test_a_5_0_packet_without_properties_says_so() -> None:
    assert ends(5, packet(0x32, text("t") + b"\0\1"), code=MALFORMED)
    assert [each.kind for each in Conversation(5).say_and_wait(packet(0x32, text("t") + b"\0\1\0"))] == [PUBACK]


@BOTH
def test_packet_identifier_0_ends_the_connection(level: int) -> None:
    none = b"\0" if level == 5 else b""
    for qos in (1, 2):
        assert ends(level, publish("t", qos=qos, packet_id=0, level=level), code=MALFORMED)
    assert ends(level, packet(0x82, b"\0\0" + none + text("t") + b"\0"), code=MALFORMED)
    assert ends(level, packet(0xA2, b"\0\0" + none + text("t")), code=MALFORMED)
    assert ends(level, packet(0x62, b"\0\0"), code=MALFORMED)


@BOTH
def test_a_qos_0_publish_has_no_packet_identifier(level: int) -> None:
    conversation = Conversation(level)
    assert conversation.say_and_wait(publish("t", b"\x12\x34payload", qos=0, level=level)) == []
    assert conversation.records == [b"\x12\x34payload"]


@BOTH
def test_an_acknowledgement_has_the_identifier_of_what_it_acknowledges(level: int) -> None:
    none = b"\0" if level == 5 else b""
    conversation = Conversation(level)
    answer = conversation.say_and_wait(
        publish("t", packet_id=0xABCD, level=level), publish("t", qos=2, packet_id=0x1234, level=level)
    )
    assert answer == [Packet(PUBACK, 0, b"\xab\xcd"), Packet(5, 0, b"\x12\x34")]
    assert conversation.say(packet(0x62, b"\x12\x34")) == [Packet(7, 0, b"\x12\x34")]
    [suback] = conversation.say(packet(0x82, b"\x77\x88" + none + text("t") + b"\0"))
    [unsuback] = conversation.say(packet(0xA2, b"\x99\xaa" + none + text("t")))
    assert (suback.kind, suback.body[:2]) == (9, b"\x77\x88")
    assert (unsuback.kind, unsuback.body[:2]) == (11, b"\x99\xaa")


@BOTH
def test_a_topic_of_65535_bytes_is_read_and_one_of_none_is_not(level: int) -> None:
    world = World(max_topic_length=65_535)
    conversation = Conversation(level, world=world)
    conversation.say(publish("t" * 65_535, level=level))
    assert [len(header.topic) for header in world.gate.resolved] == [65_535]
    assert ends(level, publish("", level=level), code=MALFORMED if level == 4 else 0x82)
