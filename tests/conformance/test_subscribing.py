"""SUBSCRIBE and UNSUBSCRIBE at a server without subscriptions: sections 3.8 to 3.11, 4.7 and 4.8 (5.0)."""

from __future__ import annotations

import pytest

from tests.conformance.conversation import (
    DISCONNECT,
    MALFORMED,
    PINGRESP,
    PROTOCOL_ERROR,
    SUBACK,
    UNSUBACK,
    Conversation,
    Packet,
    ends,
)
from tests.support.packets import PINGREQ, connect, packet, publish, text

BOTH = pytest.mark.parametrize("level", [4, 5])
NONE = {4: b"", 5: b"\0"}
SUBACK_CODES = {4: {0, 1, 2, 0x80}, 5: {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}}
UNSUBACK_CODES = {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91}
FILTERS = ("a", "a/b", "#", "+", "a/#", "+/b/+", "/", "$SYS/#", "ä", "a b")


def subscribe(level: int, *filters: str, options: int = 0, packet_id: int = 1, properties: bytes = b"") -> bytes:
    head = packet_id.to_bytes(2, "big") + (bytes([len(properties)]) + properties if level == 5 else b"")
    return packet(0x82, head + b"".join(text(each) + bytes([options]) for each in filters))


def unsubscribe(level: int, *filters: str, packet_id: int = 1) -> bytes:
    return packet(0xA2, packet_id.to_bytes(2, "big") + NONE[level] + b"".join(map(text, filters)))


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_filter_of_a_subscribe_is_refused_by_one_code_in_one_suback(level: int, qos: int) -> None:
    conversation = Conversation(level)
    [answer] = conversation.say(subscribe(level, *FILTERS, options=qos, packet_id=0x1234))
    assert (answer.kind, answer.flags, answer.body[:2]) == (SUBACK, 0, b"\x12\x34")
    codes = answer.body[3:] if level == 5 else answer.body[2:]
    assert len(codes) == len(FILTERS)
    assert set(codes) <= SUBACK_CODES[level]
    assert all(code >= 0x80 for code in codes)
    assert conversation.say(PINGREQ) == [Packet(PINGRESP, 0, b"")]


@BOTH
def test_each_filter_of_an_unsubscribe_is_answered_in_one_unsuback(level: int) -> None:
    conversation = Conversation(level)
    [answer] = conversation.say(unsubscribe(level, *FILTERS, packet_id=0x1234))
    assert (answer.kind, answer.flags, answer.body[:2]) == (UNSUBACK, 0, b"\x12\x34")
    codes = answer.body[3:]
    assert len(codes) == (len(FILTERS) if level == 5 else 0)
    assert set(codes) <= UNSUBACK_CODES


@BOTH
def test_nothing_is_ever_published_to_a_device(level: int) -> None:
    conversation = Conversation(level)
    conversation.say(subscribe(level, "#", "t"))
    assert [each.kind for each in conversation.say_and_wait(publish("t", retain=True, level=level))] == [4]


@BOTH
@pytest.mark.parametrize("flags", [0, 1, 3, 10, 15])
def test_wrong_flags_end_the_connection(level: int, flags: int) -> None:
    for kind in (8, 10):
        assert ends(level, packet(kind << 4 | flags, b"\0\1" + NONE[level] + text("t") + b"\0"), code=MALFORMED)


@BOTH
def test_without_a_filter_the_connection_ends(level: int) -> None:
    assert ends(level, subscribe(level), code=PROTOCOL_ERROR)
    assert ends(level, unsubscribe(level), code=PROTOCOL_ERROR)


@pytest.mark.parametrize("options", [0x03, 0x04, 0x08, 0x10, 0x40, 0x80, 0xFC])
def test_reserved_bits_of_a_3_1_1_subscription_end_the_connection(options: int) -> None:
    assert ends(4, subscribe(4, "t", options=options), code=0)


@pytest.mark.parametrize("options", [0x40, 0x80, 0xC0])
def test_reserved_bits_of_a_5_0_subscription_are_malformed(options: int) -> None:
    assert ends(5, subscribe(5, "t", options=options), code=MALFORMED)


@pytest.mark.parametrize("options", [0x03, 0x30])
def test_qos_3_and_retain_handling_3_are_protocol_errors(options: int) -> None:
    assert ends(5, subscribe(5, "t", options=options), code=PROTOCOL_ERROR)


@pytest.mark.parametrize("options", [0x04, 0x08, 0x10, 0x20, 0x2E])
def test_the_other_options_are_taken(options: int) -> None:
    [answer] = Conversation(5).say(subscribe(5, "t", options=options))
    assert answer.kind == SUBACK


def test_no_local_on_a_shared_subscription_is_a_protocol_error() -> None:
    assert ends(5, subscribe(5, "$share/g/t", options=0x04), code=PROTOCOL_ERROR)
    assert [each.kind for each in Conversation(5).say(subscribe(5, "$share/g/t"))] == [SUBACK]


@pytest.mark.parametrize("bad", ["$share/", "$share//t", "$share/g", "$share/g/", "$share/a+/t", "$share/a#/t"])
def test_a_shared_subscription_without_a_proper_name_and_filter_ends_the_connection(bad: str) -> None:
    conversation = Conversation(5)
    [told] = conversation.say(subscribe(5, bad))
    assert told.kind == 14
    assert told.body[0] in {MALFORMED, PROTOCOL_ERROR}
    assert conversation.closed


@BOTH
@pytest.mark.parametrize("bad", ["", "a#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "a/##"])
def test_a_filter_with_a_wildcard_out_of_place_or_without_a_character_ends_the_connection(level: int, bad: str) -> None:
    for sent in (subscribe(level, "good", bad), unsubscribe(level, "good", bad)):
        conversation = Conversation(level)
        told = conversation.say(sent)
        assert conversation.closed
        assert [each.kind for each in told] == ([14] if level == 5 else [])
        assert level == 4 or told[0].body[0] in {MALFORMED, PROTOCOL_ERROR, 0x8F}


def test_properties_of_a_subscribe_are_checked() -> None:
    assert [each.kind for each in Conversation(5).say(subscribe(5, "t", properties=b"\x0b\x01\x26\0\1a\0\1b"))] == [9]
    assert ends(5, subscribe(5, "t", properties=b"\x0b\x00"), code=PROTOCOL_ERROR)
    assert ends(5, subscribe(5, "t", properties=b"\x0b\x01\x0b\x02"), code=PROTOCOL_ERROR)
    assert ends(5, subscribe(5, "t", properties=b"\x01\x00"), code=MALFORMED)


def test_a_suback_is_never_larger_than_the_client_takes() -> None:
    conversation = Conversation(5, connect(level=5, properties=b"\x27\0\0\0\x20"))
    [answer] = conversation.say(subscribe(5, "t"))
    assert len(answer.body) + 2 <= 32
    [answer] = conversation.say(unsubscribe(5, "t"))
    assert len(answer.body) + 2 <= 32
    [told] = conversation.say(subscribe(5, *("t" for _ in range(40))))
    assert (told.kind, told.body) == (DISCONNECT, b"\x95")
    assert conversation.closed
