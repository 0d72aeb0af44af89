"""PUBLISH and its acknowledgements: sections 3.3 to 3.7, 4.3, 4.4, 4.6, 4.7 and 4.9."""

from __future__ import annotations

import pytest

from tests.conformance.conversation import (
    DISCONNECT,
    MALFORMED,
    PINGRESP,
    PROTOCOL_ERROR,
    PUBACK,
    PUBCOMP,
    PUBREC,
    Conversation,
    Packet,
    ends,
    packets,
)
from tests.support.front_end import World
from tests.support.packets import PINGREQ, connect, packet, publish, text, varint

BOTH = pytest.mark.parametrize("level", [4, 5])
# Reason codes of table 3-4 and 3-5: the same for PUBACK and PUBREC.
PUBACK_CODES = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
PUBCOMP_CODES = {0x00, 0x92}


def pubrel(packet_id: int) -> bytes:
    return packet(0x62, packet_id.to_bytes(2, "big"))


def kinds(answers: list[Packet]) -> list[int]:
    return [answer.kind for answer in answers]


# -- the header of a PUBLISH --


@BOTH
def test_dup_with_qos_0_ends_the_connection(level: int) -> None:
    assert ends(level, publish("t", qos=0, dup=True, level=level), code=MALFORMED)


@BOTH
@pytest.mark.parametrize("dup", [True, False])
def test_qos_3_ends_the_connection(level: int, *, dup: bool) -> None:
    assert ends(level, publish("t", qos=3, dup=dup, level=level), code=MALFORMED)


@BOTH
@pytest.mark.parametrize("topic", ["a/+/b", "#", "+", "a/#", "a+b", "a#"])
def test_a_topic_name_with_a_wildcard_ends_the_connection(level: int, topic: str) -> None:
    answer = Conversation(level).say(publish(topic, level=level))
    assert answer == ([Packet(DISCONNECT, 0, answer[0].body)] if level == 5 else [])
    assert level == 4 or answer[0].body[0] in {0x81, 0x90}


@BOTH
@pytest.mark.parametrize("topic", ["/", "a//b", " ", "$SYS/x", "ä/ö", "a\x01b", "A", "x" * 1024])
def test_a_topic_name_reaches_routing_as_it_was_sent(level: int, topic: str) -> None:
    conversation = Conversation(level)
    assert kinds(conversation.say_and_wait(publish(topic, level=level))) == [PUBACK]
    assert [header.topic for header in conversation.world.gate.resolved] == [topic]


@BOTH
@pytest.mark.parametrize("payload", [b"", b"\0", bytes(range(256)), b"x" * 100_000])
def test_a_payload_reaches_kafka_as_it_was_sent(level: int, payload: bytes) -> None:
    conversation = Conversation(level)
    assert kinds(conversation.say_and_wait(publish("t", payload, level=level))) == [PUBACK]
    assert conversation.records == [payload]


@BOTH
@pytest.mark.parametrize("retain", [True, False])
def test_the_retain_flag_reaches_the_record_and_nothing_else(level: int, *, retain: bool) -> None:
    conversation = Conversation(level)
    assert kinds(conversation.say_and_wait(publish("t", retain=retain, level=level))) == [PUBACK]
    assert [header.retain for header in conversation.world.gate.resolved] == [retain]


@BOTH
def test_a_message_that_is_not_allowed_is_refused_in_5_0_and_ends_a_3_1_1_connection(level: int) -> None:
    conversation = Conversation(level)
    answers = conversation.say(publish("no/t", level=level))
    assert conversation.closed is (level == 4)
    assert [(each.kind, each.body[2]) for each in answers] == ([(PUBACK, 0x87)] if level == 5 else [])


# -- acknowledgements --


@BOTH
def test_each_qos_has_its_own_answer(level: int) -> None:
    conversation = Conversation(level)
    assert conversation.say_and_wait(publish("t", b"0", qos=0, level=level)) == []
    assert conversation.say_and_wait(publish("t", b"1", packet_id=1, level=level)) == [Packet(PUBACK, 0, b"\0\1")]
    assert conversation.say_and_wait(publish("t", b"2", qos=2, packet_id=2, level=level)) == [
        Packet(PUBREC, 0, b"\0\2")
    ]
    assert conversation.say(pubrel(2)) == [Packet(PUBCOMP, 0, b"\0\2")]
    assert conversation.records == [b"0", b"1", b"2"]


@BOTH
def test_after_its_puback_a_packet_identifier_stands_for_a_new_message(level: int) -> None:
    conversation = Conversation(level)
    for payload, dup in ((b"1", False), (b"2", False), (b"2", True)):
        answers = conversation.say_and_wait(publish("t", payload, packet_id=7, dup=dup, level=level))
        assert answers == [Packet(PUBACK, 0, b"\0\7")]
    assert conversation.records == [b"1", b"2", b"2"]


@BOTH
@pytest.mark.parametrize("dup", [True, False])
def test_until_its_pubrel_a_qos_2_message_is_acknowledged_again_and_not_delivered_again(
    level: int, *, dup: bool
) -> None:
    conversation = Conversation(level)
    again = publish("t", b"1", qos=2, packet_id=7, level=level, dup=dup)
    assert conversation.say_and_wait(publish("t", b"1", qos=2, packet_id=7, level=level)) == [
        Packet(PUBREC, 0, b"\0\7")
    ]
    assert conversation.say_and_wait(again, again) == [Packet(PUBREC, 0, b"\0\7")] * 2
    assert conversation.records == [b"1"]


@BOTH
@pytest.mark.parametrize("topic", [b"\xff", b"a\0", b"a/+", b"#"])
def test_a_repeated_publish_must_be_well_formed_too(level: int, topic: bytes) -> None:
    conversation = Conversation(level)
    conversation.say_and_wait(publish("t", b"1", qos=2, level=level))
    told = conversation.say(publish(topic, b"1", qos=2, level=level, dup=True))
    assert [(each.kind, each.body[0]) for each in told] == ([(DISCONNECT, MALFORMED)] if level == 5 else [])
    assert conversation.closed


@pytest.mark.parametrize("level", [4, 5])
def test_a_repeated_publish_needs_a_topic(level: int) -> None:
    conversation = Conversation(level)
    conversation.say_and_wait(publish("t", b"1", qos=2, level=level))
    told = conversation.say(publish("", b"1", qos=2, level=level, dup=True))
    assert [(each.kind, each.body[0]) for each in told] == ([(DISCONNECT, PROTOCOL_ERROR)] if level == 5 else [])
    assert conversation.closed


@BOTH
def test_after_its_pubcomp_a_packet_identifier_stands_for_a_new_message(level: int) -> None:
    conversation = Conversation(level)
    for payload in (b"1", b"2"):
        conversation.say_and_wait(publish("t", payload, qos=2, packet_id=7, level=level))
        assert conversation.say(pubrel(7)) == [Packet(PUBCOMP, 0, b"\0\7")]
    assert conversation.records == [b"1", b"2"]


def test_after_a_pubrec_that_refuses_a_packet_identifier_stands_for_a_new_message() -> None:
    conversation = Conversation(5)
    [refused] = conversation.say(publish("no/t", b"1", qos=2, packet_id=7, level=5))
    assert (refused.kind, refused.body[:3]) == (PUBREC, b"\0\7\x87")
    assert conversation.say_and_wait(publish("t", b"2", qos=2, packet_id=7, level=5)) == [Packet(PUBREC, 0, b"\0\7")]
    assert conversation.records == [b"2"]


@BOTH
def test_every_pubrel_is_completed(level: int) -> None:
    [answer] = Conversation(level).say(pubrel(9))
    assert (answer.kind, answer.body[:2]) == (PUBCOMP, b"\0\x09")
    assert level == 4 or set(answer.body[2:3]) <= PUBCOMP_CODES


def test_a_qos_2_exchange_goes_on_although_its_message_has_an_expiry() -> None:
    conversation = Conversation(5)
    expiry = b"\x02\0\0\0\1"
    answers = conversation.say_and_wait(publish("t", b"1", qos=2, level=5, properties=expiry))
    assert kinds(answers) == [PUBREC]
    conversation.world.time.advance(5)
    assert kinds(conversation.say_and_wait(publish("t", b"1", qos=2, level=5, properties=expiry, dup=True))) == [PUBREC]
    assert kinds(conversation.say(pubrel(1))) == [PUBCOMP]


@BOTH
def test_acknowledgements_leave_in_the_order_of_the_publishes_whoever_answers_first(level: int) -> None:
    world = World()
    conversation = Conversation(level, world=world)
    conversation.say(
        *(publish(topic, qos=qos, packet_id=n, level=level) for n, (topic, qos) in enumerate(SENT, start=1))
    )
    world.time.turn()
    world.kafka.waiting.reverse()  # the other partition first
    world.answer_all()
    answers = packets(conversation.device.wire.take())
    assert [(each.kind, int.from_bytes(each.body[:2], "big")) for each in answers] == [
        (PUBACK if qos == 1 else PUBREC, n) for n, (_, qos) in enumerate(SENT, start=1)
    ]


SENT = (("t", 1), ("p1/t", 1), ("t", 2), ("p1/t", 2), ("p1/t", 1), ("t", 1), ("t", 2))


@BOTH
def test_messages_are_in_kafka_in_the_order_in_which_they_came_whatever_their_qos(level: int) -> None:
    conversation = Conversation(level)
    conversation.say_and_wait(
        *(publish("t", b"%d" % n, qos=n % 3, packet_id=n + 1, level=level, retain=n % 2 == 1) for n in range(30))
    )
    assert conversation.records == [b"%d" % n for n in range(30)]


@pytest.mark.parametrize("topic", ["no/t", "full/t", "x" * 1025])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_negative_acknowledgement_has_a_code_of_its_table(topic: str, qos: int) -> None:
    [answer] = Conversation(5).say(publish(topic, b"", qos=qos, level=5))
    assert answer.kind == (PUBACK if qos == 1 else PUBREC)
    assert answer.body[2] in PUBACK_CODES


def test_a_reason_string_that_does_not_fit_is_left_out_of_every_acknowledgement() -> None:
    conversation = Conversation(5, connect(level=5, properties=b"\x27\0\0\0\x20"))
    long = "no/" + "t" * 100
    for qos in (1, 2):
        for answer in conversation.say(publish(long, qos=qos, level=5)):
            assert len(answer.body) + 2 <= 32
    assert all(len(answer.body) + 2 <= 32 for answer in conversation.say(pubrel(9)))


@BOTH
@pytest.mark.parametrize("flags", [0, 1, 3, 8, 15])
def test_wrong_flags_of_a_pubrel_end_the_connection(level: int, flags: int) -> None:
    assert ends(level, packet(0x60 | flags, b"\0\1"), code=MALFORMED)


@pytest.mark.parametrize("code", [0x01, 0x10, 0x80, 0x91, 0x93, 0xFF])
def test_a_pubrel_with_a_code_that_is_not_of_its_table_is_malformed(code: int) -> None:
    assert ends(5, packet(0x62, b"\0\1" + bytes([code])), code=MALFORMED)


# -- flow control --


def test_a_5_0_device_may_have_receive_maximum_unacknowledged_and_not_one_more() -> None:
    world = World(receive_maximum=3)
    conversation = Conversation(5, world=world)
    within = [publish("t", qos=1 + n % 2, packet_id=n, level=5) for n in (1, 2, 3)]
    assert kinds(conversation.say(*within, publish("t", qos=0, level=5), PINGREQ)) == [PINGRESP]
    [told] = conversation.say(publish("t", packet_id=4, level=5))
    assert (told.kind, told.body[0]) == (DISCONNECT, 0x93)
    assert conversation.closed


@pytest.mark.parametrize("bad", [publish("t", qos=3, level=5), packet(0x32, b"\x01\0t\0\1\0")])
def test_a_malformed_publish_beyond_receive_maximum_is_called_malformed(bad: bytes) -> None:
    conversation = Conversation(5, world=World(receive_maximum=1))
    [told] = conversation.say(publish("t", level=5), bad)
    assert (told.kind, told.body[0]) == (DISCONNECT, MALFORMED)
    assert conversation.closed


def test_an_acknowledgement_gives_back_the_room_of_its_message() -> None:
    world = World(receive_maximum=2)
    conversation = Conversation(5, world=world)
    for turn in range(3):
        answers = conversation.say_and_wait(
            publish("t", packet_id=1, level=5), publish("t", b"%d" % turn, qos=2, packet_id=2, level=5)
        )
        assert kinds(answers) == [PUBACK, PUBREC]
        assert kinds(conversation.say(pubrel(2))) == [PUBCOMP]


@BOTH
def test_other_packets_are_answered_while_the_window_is_full(level: int) -> None:
    world = World(receive_maximum=1)
    conversation = Conversation(level, world=world)
    assert conversation.say(publish("t", level=level)) == []
    assert kinds(conversation.say(PINGREQ)) == [PINGRESP]
    assert kinds(conversation.say(pubrel(9))) == [PUBCOMP]


# -- properties of a PUBLISH --


def test_every_property_of_a_publish_reaches_routing_as_it_was_sent() -> None:
    conversation = Conversation(5)
    users = [b"\x26" + text(name) + text(value) for name, value in (("b", "2"), ("a", "1"), ("b", "2"), ("", ""))]
    sent = [
        b"\x01\x01", b"\x02\x00\x00\x00\x3c", b"\x03" + text("text/plain"), b"\x08" + text("answers/ö"),
        b"\x09" + text(b"\0\xff"), *users,
    ]  # fmt: skip
    assert kinds(conversation.say_and_wait(publish("t", level=5, properties=b"".join(sent)))) == [PUBACK]
    [header] = conversation.world.gate.resolved
    found = header.properties
    assert (found.payload_format, found.message_expiry, found.content_type) == (1, 60, "text/plain")
    assert (found.response_topic, found.correlation_data) == ("answers/ö", b"\0\xff")
    assert found.user_properties == (("b", "2"), ("a", "1"), ("b", "2"), ("", ""))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\x01\x02", id="payload format 2"),
        pytest.param(b"\x01\x00\x01\x00", id="payload format twice"),
        pytest.param(b"\x02\0\0\0\1\x02\0\0\0\1", id="expiry twice"),
        pytest.param(b"\x03\0\1a\x03\0\1a", id="content type twice"),
        pytest.param(b"\x08\0\1a\x08\0\1a", id="response topic twice"),
        pytest.param(b"\x09\0\1a\x09\0\1a", id="correlation data twice"),
        pytest.param(b"\x23\0\1\x23\0\1", id="topic alias twice"),
        pytest.param(b"\x0b\x01", id="subscription identifier"),
        pytest.param(b"\x08\0\3a/#", id="wildcard in the response topic"),
        pytest.param(b"\x08\0\1+", id="only a wildcard in the response topic"),
    ],
)
def test_a_property_that_is_not_allowed_is_a_protocol_error(bad: bytes) -> None:
    conversation = Conversation(5)
    [told] = conversation.say(publish("t", level=5, properties=bad))
    assert told.kind == DISCONNECT
    assert told.body[0] in {MALFORMED, PROTOCOL_ERROR}
    assert conversation.closed


@pytest.mark.parametrize(
    "bad", [b"\x11\0\0\0\1", b"\x15\0\1a", b"\x21\0\1", b"\x1f\0\1a", b"\x7f", b"\x00", b"\x18\0\0\0\1"]
)
def test_a_property_of_another_packet_is_malformed(bad: bytes) -> None:
    assert ends(5, publish("t", level=5, properties=bad), code=MALFORMED)


# -- acknowledgements of what was never sent --


@BOTH
def test_acknowledgements_of_what_the_server_never_sent_are_ignored(level: int) -> None:
    conversation = Conversation(level)
    assert conversation.say(packet(0x40, b"\0\7"), packet(0x70, b"\0\7")) == []
    assert kinds(conversation.say(PINGREQ)) == [PINGRESP]
    assert ends(level, packet(0x40, b"\0\0"), code=MALFORMED)
    assert ends(level, packet(0x70, b"\1"), code=MALFORMED)


@BOTH
def test_a_pubrec_is_answered_with_a_pubrel_in_its_turn(level: int) -> None:
    rest = b"\x92" if level == 5 else b""
    answers = Conversation(level).say(packet(0x50, b"\0\7"), packet(0x50, b"\0\5"))
    assert answers == [Packet(6, 2, b"\0\7" + rest), Packet(6, 2, b"\0\5" + rest)]


def test_a_pubrec_that_refuses_is_not_answered() -> None:
    conversation = Conversation(5)
    assert conversation.say(packet(0x50, b"\0\7\x87"), packet(0x50, b"\0\7\x80\0")) == []
    assert kinds(conversation.say(packet(0x50, b"\0\7\x10"), PINGREQ)) == [6, PINGRESP]


# -- topic alias --


def alias(number: int) -> bytes:
    return b"\x23" + number.to_bytes(2, "big")


def test_every_topic_alias_up_to_the_maximum_stands_for_its_topic() -> None:
    world = World(topic_alias_maximum=3)
    conversation = Conversation(5, world=world)
    for number in (1, 2, 3):
        conversation.say(publish(f"t{number}", packet_id=number, level=5, properties=alias(number)))
    for number in (3, 1, 2):
        conversation.say(publish("", packet_id=10 + number, level=5, properties=alias(number)))
    conversation.say(publish("new", packet_id=20, level=5, properties=alias(2)))
    conversation.say(publish("", packet_id=21, retain=True, level=5, properties=alias(2)))
    topics = [header.topic for header in world.gate.resolved]
    assert topics == ["t1", "t2", "t3", "new", "new"]
    world.answer_all()
    assert len(packets(conversation.device.wire.take())) == 8


@pytest.mark.parametrize("number", [0, 4, 65_535])
def test_a_topic_alias_of_0_or_beyond_the_maximum_ends_the_connection(number: int) -> None:
    world = World(topic_alias_maximum=3)
    conversation = Conversation(5, world=world)
    [told] = conversation.say(publish("t", level=5, properties=alias(number)))
    assert (told.kind, told.body[0]) == (DISCONNECT, 0x94)


def test_a_topic_alias_is_not_carried_to_another_connection() -> None:
    world = World()
    asks = connect(level=5, clean=False, properties=b"\x11\0\0\0\x3c")
    first = Conversation(5, asks, world=world)
    first.say(publish("t", level=5, properties=alias(1)))
    second = Conversation(5, asks, world=world)
    [told] = second.say(publish("", packet_id=2, level=5, properties=alias(1)))
    assert (told.kind, told.body[0]) == (DISCONNECT, PROTOCOL_ERROR)


def test_an_alias_that_was_never_defined_and_no_topic_is_a_protocol_error() -> None:
    assert ends(5, publish("", level=5), code=PROTOCOL_ERROR)
    assert ends(5, publish("", level=5, properties=alias(1)), code=PROTOCOL_ERROR)


@BOTH
def test_a_publish_that_is_shorter_than_it_says_is_malformed(level: int) -> None:
    assert ends(level, packet(0x32, b"\0\5t"), code=MALFORMED)
    assert ends(level, packet(0x32, text("t")), code=MALFORMED)
    assert ends(level, packet(0x32, text("t") + b"\0"), code=MALFORMED)
    assert ends(level, packet(0x30, b""), code=MALFORMED)
    assert ends(5, packet(0x32, text("t") + b"\0\1" + varint(9) + b"x"), code=MALFORMED)
