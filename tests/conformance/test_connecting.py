"""CONNECT, CONNACK, DISCONNECT, AUTH, keep-alive, sessions: sections 3.1, 3.2, 3.12 to 3.15, 4.1, 4.8, 4.12, 4.13."""

from __future__ import annotations

import pytest

from adapter.errors import ConnectRefusedError
from adapter.mqtt.limits import Limits
from adapter.reasons import ReasonCode
from tests.conformance.conversation import (
    CONNACK,
    DISCONNECT,
    MALFORMED,
    PINGRESP,
    PROTOCOL_ERROR,
    PUBACK,
    Conversation,
    Packet,
    ends,
    is_refused,
    packets,
)
from tests.support.front_end import World
from tests.support.packets import PINGREQ, connect, packet, publish, text, varint

BOTH = pytest.mark.parametrize("level", [4, 5])
NONE = {4: b"", 5: b"\0"}
GOODBYE = b"\xe0\x00"
EXPIRY = b"\x11\x00\x00\x00\x3c"  # Session Expiry Interval: a minute
UNSUPPORTED = {4: 0x01, 5: 0x84}
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def hello(level: int, flags: int = 2, *fields: bytes, name: bytes = b"MQTT", as_level: int | None = None) -> bytes:
    """A CONNECT with these flags and payload fields."""
    head = text(name) + bytes([level if as_level is None else as_level, flags]) + b"\0\x3c" + NONE[level]
    return packet(0x10, head + b"".join(fields))


def refused_as_malformed(bad: bytes, level: int) -> bool:
    return is_refused(bad, code=MALFORMED if level == 5 else None)


# -- CONNECT --


@BOTH
@pytest.mark.parametrize("first", [b"\xc0\x00", b"\xe0\x00", publish("t"), b"\x82\x06\0\1\0\1t\0", b"\x62\x02\0\1"])
def test_the_first_packet_must_be_a_connect(level: int, first: bytes) -> None:
    world = World()
    device = world.accept()
    device.send(first, connect(level=level))
    assert device.wire.take() == b""
    assert device.wire.closed


@BOTH
def test_a_second_connect_ends_the_connection(level: int) -> None:
    assert ends(level, connect(level=level), code=PROTOCOL_ERROR)


@BOTH
@pytest.mark.parametrize("name", [b"MQIsdp", b"mqtt", b"MQTTX", b"", b"HTTP"])
def test_another_protocol_name_is_not_accepted(level: int, name: bytes) -> None:
    world = World()
    device = world.accept()
    device.send(hello(level, 2, text("c1"), name=name))
    assert device.wire.closed
    assert [each for each in packets(device.wire.take()) if each.body[1] == 0] == []


@pytest.mark.parametrize(("as_level", "code"), [(0, 1), (1, 1), (2, 1), (3, 1), (6, 0x84), (0x84, 1), (255, 0x84)])
def test_another_protocol_level_is_refused_as_unsupported_in_the_nearest_form(as_level: int, code: int) -> None:
    assert is_refused(hello(4, 2, text("c1"), as_level=as_level), code=code)


def test_mqtt_3_1_is_refused_as_unsupported() -> None:
    assert is_refused(packet(0x10, text("MQIsdp") + b"\x03\x02\0\x3c" + text("c1")), code=0x01)


@BOTH
def test_the_reserved_flag_of_a_connect_must_be_0(level: int) -> None:
    assert refused_as_malformed(hello(level, 3, text("c1")), level)


@BOTH
@pytest.mark.parametrize("flags", [0x0A, 0x12, 0x1A, 0x22, 0x3A])
def test_without_a_will_its_qos_and_retain_must_be_0(level: int, flags: int) -> None:
    assert refused_as_malformed(hello(level, flags, text("c1")), level)


@BOTH
def test_a_will_of_qos_3_is_not_accepted(level: int) -> None:
    assert refused_as_malformed(hello(level, 0x1E, text("c1"), NONE[level], text("t"), text("w")), level)


@BOTH
@pytest.mark.parametrize("fields", [(), (text("t"),)])
def test_a_will_flag_asks_for_a_topic_and_a_payload(level: int, fields: tuple[bytes, ...]) -> None:
    assert refused_as_malformed(hello(level, 6, text("c1"), NONE[level], *fields), level)


@BOTH
@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (2, (text("name"),)),
        (0x82, ()),
        (0x82, (text("name"), text("password"))),
        (0xC2, (text("name"),)),
        (0xC2, (text("name"), text("password"), b"x")),
    ],
)
def test_user_name_and_password_are_there_when_the_flags_say_so_and_only_then(
    level: int, flags: int, fields: tuple[bytes, ...]
) -> None:
    assert refused_as_malformed(hello(level, flags, text("c1"), *fields), level)


def test_a_3_1_1_password_needs_a_user_name_and_a_5_0_password_does_not() -> None:
    assert is_refused(hello(4, 0x42, text("c1"), text("password")), code=None)
    assert Conversation(5, hello(5, 0x42, text("c1"), text("password"))).connack.body[1] == 0


@BOTH
def test_the_fields_of_a_connect_are_read_in_their_order(level: int) -> None:
    world = World()
    world.gate.hold_connects = True
    device = world.accept()
    device.send(
        hello(level, 0xC6, text("c1"), NONE[level], text("w/t"), text(b"\0\xffw"), text("name"), text(b"\0\xff"))
    )
    [(asked, _)] = world.gate.connects
    assert asked.will is not None
    assert (asked.client_id, asked.will.topic, asked.will.payload) == ("c1", "w/t", b"\0\xffw")
    assert (asked.username, asked.password) == ("name", b"\0\xff")


@BOTH
def test_a_connect_without_a_client_identifier_field_is_malformed(level: int) -> None:
    assert refused_as_malformed(hello(level), level)


@BOTH
@pytest.mark.parametrize(
    "client_id", ["a", ALPHABET[:23], ALPHABET[23:46], ALPHABET[46:], "ü" * 40, "a b/c#+$", "x" * 1024]
)
def test_a_client_identifier_may_be_any_text(level: int, client_id: str) -> None:
    world = World(max_packet_size=100_000)
    assert Conversation(level, connect(client_id, level=level), world=world).connack.body[1] == 0


@pytest.mark.parametrize(("level", "code"), [(4, 0x02), (5, 0x85)])
def test_a_client_identifier_that_is_too_long_is_refused(level: int, code: int) -> None:
    assert is_refused(connect("x" * 1025, level=level), code=code)


def test_a_3_1_1_client_without_a_name_must_not_ask_for_a_session() -> None:
    assert is_refused(connect("", clean=False), code=0x02)
    assert Conversation(4, connect("")).connack.body == b"\0\0"


@pytest.mark.parametrize("clean", [True, False])
def test_a_5_0_client_without_a_name_is_given_one_of_its_own(*, clean: bool) -> None:
    world = World()
    names = set()
    for _ in range(3):
        body = Conversation(5, connect("", level=5, clean=clean), world=world).connack.body
        at = body.index(b"\x12") + 1
        length = int.from_bytes(body[at : at + 2], "big")
        names.add(body[at + 2 : at + 2 + length])
    assert len(names) == 3
    assert world.frontend.connected == 3


@BOTH
def test_a_device_that_connects_again_is_known_by_its_client_identifier_and_ends_the_first(level: int) -> None:
    world = World()
    first = Conversation(level, world=world)
    other = Conversation(level, connect("c2", level=level), world=world)
    Conversation(level, world=world)
    told = packets(first.device.wire.take())
    assert first.closed
    assert told == ([Packet(DISCONNECT, 0, b"\x8e")] if level == 5 else [])
    assert not other.closed


@BOTH
def test_what_follows_a_connect_that_is_refused_is_not_processed(level: int) -> None:
    world = World()
    world.gate.refuse = ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, "no")
    device = world.accept()
    device.send(connect(level=level), publish("t", level=level), PINGREQ)
    world.answer_all()
    [answer] = packets(device.wire.take())
    assert (answer.kind, answer.body[0], answer.body[1]) == (2, 0, 5 if level == 4 else 0x87)
    assert device.wire.closed
    assert world.kafka.log == {}


@BOTH
def test_what_follows_a_connect_at_once_is_answered_after_the_connack(level: int) -> None:
    world = World()
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(level=level), publish("t", level=level), PINGREQ)
    assert device.wire.take() == b""
    world.gate.let_in()
    world.answer_all()
    assert [each.kind for each in packets(device.wire.take())] == [2, PINGRESP, PUBACK]


# -- CONNACK --


@BOTH
def test_the_first_packet_from_the_server_is_one_connack(level: int) -> None:
    conversation = Conversation(level)
    assert (conversation.connack.flags, conversation.connack.body[:2]) == (0, b"\0\0")
    answers = conversation.say_and_wait(publish("t", level=level), PINGREQ)
    assert [each.kind for each in answers].count(2) == 0


@pytest.mark.parametrize(
    ("code", "returned"),
    [
        (ReasonCode.BAD_USER_NAME_OR_PASSWORD, 4),
        (ReasonCode.NOT_AUTHORIZED, 5),
        (ReasonCode.SERVER_UNAVAILABLE, 3),
        (ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, 2),
    ],
)
def test_a_refusal_has_the_code_of_its_version_no_session_and_ends_the_connection(
    code: ReasonCode, returned: int
) -> None:
    for level, said in ((4, returned), (5, int(code))):
        world = World()
        world.gate.refuse = ConnectRefusedError(code, "no")
        device = world.accept()
        device.send(connect(level=level, clean=False))
        [answer] = packets(device.wire.take())
        assert (answer.kind, answer.body[:2]) == (2, bytes([0, said]))
        assert device.wire.closed


@BOTH
def test_session_present_says_whether_there_is_a_session_and_clean_start_ends_it(level: int) -> None:
    world = World()
    properties = EXPIRY if level == 5 else b""

    def present(*, clean: bool) -> int:
        conversation = Conversation(level, connect(level=level, clean=clean, properties=properties), world=world)
        conversation.say(GOODBYE)
        return conversation.connack.body[0]

    assert [present(clean=clean) for clean in (False, False, True)] == [0, 1, 0]


@BOTH
@pytest.mark.parametrize("ending", ["disconnect", "cut", "stays"])
def test_the_state_of_a_session_outlives_its_connection(level: int, ending: str) -> None:
    world = World()
    asks = connect(level=level, clean=False, properties=EXPIRY if level == 5 else b"")
    first = Conversation(level, asks, world=world)
    assert [each.kind for each in first.say_and_wait(publish("t", b"1", qos=2, level=level))] == [5]
    if ending == "disconnect":
        first.say(GOODBYE)
    elif ending == "cut":
        first.device.session.gone()
    second = Conversation(level, asks, world=world)
    assert second.connack.body[0] == 1
    assert [each.kind for each in second.say_and_wait(publish("t", b"1", qos=2, level=level, dup=True))] == [5]
    assert second.records == [b"1"]
    assert not second.closed
    assert [each.body[:2] for each in second.say(packet(0x62, b"\0\1"))] == [b"\0\1"]


def test_a_5_0_session_ends_when_its_time_is_over() -> None:
    world = World()
    asks = connect(level=5, clean=False, properties=EXPIRY)
    for wait, present in ((0, 0), (59, 1), (61, 0)):
        world.time.advance(wait)
        conversation = Conversation(5, asks, world=world)
        assert conversation.connack.body[0] == present
        conversation.device.session.gone()


def test_a_clean_session_ends_with_its_connection() -> None:
    for level in (4, 5):
        world = World()
        first = Conversation(level, world=world)
        first.say_and_wait(publish("t", b"1", qos=2, level=level))
        first.device.session.gone()
        second = Conversation(level, connect(level=level, clean=False), world=world)
        assert second.connack.body[0] == 0
        second.say_and_wait(publish("t", b"2", qos=2, level=level))
        assert second.records == [b"1", b"2"]


def test_no_packet_to_a_5_0_client_is_larger_than_it_takes() -> None:
    def limited(size: int) -> bytes:
        return connect(level=5, properties=b"\x27" + size.to_bytes(4, "big"))

    conversation = Conversation(5, limited(60))
    sent = [
        *conversation.say(publish("no/t", level=5)),
        *conversation.say(packet(0x82, b"\0\1\0" + text("t") + b"\0")),
        *conversation.say(packet(0x30, b"\0")),
    ]
    assert [each.kind for each in sent] == [PUBACK, 9, DISCONNECT]
    assert all(len(each.body) + 2 <= 60 for each in sent)
    assert is_refused(limited(8), code=0x95)


def test_a_connect_that_is_larger_than_the_server_takes_is_answered_in_5_0() -> None:
    for limits in ({"max_packet_size": 1000}, {"limits": Limits(connect_size=1000)}):
        for level, answer in ((4, b""), (5, b"\x20\x03\x00\x95\x00")):
            world = World(**limits)  # type: ignore[arg-type]
            device = world.accept()
            device.send(connect(level=level, username="u" * 1000)[:20])
            assert device.wire.take() == answer
            assert device.wire.closed
            assert sum(world.frontend.counters.limited.values()) == 1


def test_a_refusal_before_the_maximum_packet_size_is_known_has_nothing_but_its_code() -> None:
    for bad in (hello(5, 3, text("c1")), hello(5, 2), hello(5, 2, text("c1"), as_level=6)):
        device = World().accept()
        device.send(bad)
        [connack] = packets(device.wire.take())
        assert (connack.kind, connack.body[0], connack.body[2:]) == (CONNACK, 0, b"\0")


def test_a_user_property_that_makes_the_connack_too_large_is_left_out() -> None:
    asks = b"\x26" + text("kafka-receipt") + text("true")
    whole = Conversation(5, connect(level=5, properties=asks)).connack.body
    assert whole.endswith(asks)
    size = len(whole) + 2
    for limit, told in ((size, True), (size - 1, False)):
        properties = asks + b"\x27" + limit.to_bytes(4, "big")
        body = Conversation(5, connect(level=5, properties=properties)).connack.body
        assert body.endswith(asks) is told
        assert len(body) + 2 <= limit


def test_without_request_problem_information_only_connack_and_disconnect_give_reasons() -> None:
    conversation = Conversation(5, connect(level=5, properties=b"\x17\x00"))
    [puback] = conversation.say(publish("no/t", level=5))
    assert (puback.kind, len(puback.body)) == (PUBACK, 3)
    [pubrec] = conversation.say(publish("no/t", qos=2, level=5))
    assert (pubrec.kind, len(pubrec.body)) == (5, 3)
    conversation = Conversation(5)
    assert len(conversation.say(publish("no/t", level=5))[0].body) > 3


def test_no_response_information_is_returned_and_no_alias_limit_is_overstepped() -> None:
    for asked in (b"\x19\x00", b"\x19\x01"):
        body = Conversation(5, connect(level=5, properties=asked)).connack.body
        assert b"\x1a" not in body[2:]


# -- keep-alive and PINGREQ --


@BOTH
def test_one_and_a_half_keep_alives_of_silence_end_the_connection(level: int) -> None:
    world = World()
    conversation = Conversation(level, connect(level=level, keep_alive=10), world=world)
    world.time.advance(14)
    assert not conversation.closed
    world.time.advance(2.5)
    assert conversation.closed
    assert packets(conversation.device.wire.take()) == ([Packet(DISCONNECT, 0, b"\x8d")] if level == 5 else [])


@BOTH
def test_any_packet_keeps_the_connection(level: int) -> None:
    world = World()
    conversation = Conversation(level, connect(level=level, keep_alive=10), world=world)
    for sent in (PINGREQ, publish("t", qos=0, level=level), packet(0x62, b"\0\1")):
        world.time.advance(14)
        conversation.say(sent)
    world.time.advance(14)
    assert not conversation.closed


@BOTH
def test_bytes_of_a_packet_that_is_not_whole_do_not_keep_the_connection(level: int) -> None:
    world = World()
    conversation = Conversation(level, connect(level=level, keep_alive=10), world=world)
    slow = publish("t", b"x" * 100, level=level)
    for n in range(14):
        conversation.say(slow[n : n + 1])
        world.time.advance(1)
    assert not conversation.closed
    conversation.say(slow[14:15])
    world.time.advance(2)
    assert conversation.closed


@BOTH
def test_a_pingreq_is_answered(level: int) -> None:
    assert Conversation(level).say(PINGREQ, PINGREQ) == [Packet(PINGRESP, 0, b"")] * 2
    assert ends(level, b"\xc0\x01\x00", code=MALFORMED)


# -- DISCONNECT, AUTH, errors --


@BOTH
def test_nothing_is_processed_after_a_disconnect(level: int) -> None:
    conversation = Conversation(level)
    assert conversation.say_and_wait(GOODBYE, publish("t", level=level), PINGREQ) == []
    assert conversation.closed
    assert conversation.records == []


@pytest.mark.parametrize("code", [0x01, 0x02, 0x03, 0x18, 0x84, 0x87, 0x8D, 0x8E, 0x9B, 0xA2, 0xFF])
def test_a_5_0_disconnect_with_a_code_that_is_not_a_clients_is_malformed(code: int) -> None:
    assert ends(5, packet(0xE0, bytes([code])), code=MALFORMED)


@pytest.mark.parametrize("code", [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99])
def test_a_5_0_disconnect_with_a_code_of_a_clients_is_not_answered(code: int) -> None:
    conversation = Conversation(5)
    assert conversation.say(packet(0xE0, bytes([code]))) == []
    assert conversation.closed


def test_a_session_that_ends_with_its_connection_cannot_be_kept_by_a_disconnect() -> None:
    assert ends(5, packet(0xE0, b"\0\x05" + EXPIRY), code=PROTOCOL_ERROR)


def test_no_disconnect_is_sent_before_the_connack_or_with_a_session_expiry() -> None:
    world = World()
    device = world.accept()
    device.send(packet(0x10, text("MQTT") + b"\x05\x03\0\x3c\0" + text("c")))
    assert [each.kind for each in packets(device.wire.take())] == [2]
    conversation = Conversation(5, connect(level=5, properties=EXPIRY))
    [told] = conversation.say(b"\x30\x00")
    assert told.kind == DISCONNECT
    assert b"\x11" not in told.body[2:]


def test_an_authentication_method_is_refused_and_auth_is_a_protocol_error() -> None:
    method = b"\x15" + text("SCRAM-SHA-256")
    assert is_refused_with(connect(level=5, properties=method), 0x8C)
    assert ends(5, packet(0xF0, b"\x18" + varint(len(method)) + method), code=PROTOCOL_ERROR)
    assert ends(5, b"\xf0\x00", code=PROTOCOL_ERROR)
    assert b"\x15" not in Conversation(5).connack.body[2:]


def is_refused_with(sent: bytes, code: int) -> bool:
    world = World()
    device = world.accept()
    device.send(sent)
    [answer] = packets(device.wire.take())
    return device.wire.closed and (answer.kind, answer.body[1]) == (2, code)


def test_auth_is_no_packet_of_3_1_1() -> None:
    assert ends(4, b"\xf0\x00", code=0)


@BOTH
def test_a_protocol_error_ends_its_connection_and_no_other(level: int) -> None:
    world = World()
    bad = Conversation(level, world=world)
    good = Conversation(level, connect("c2", level=level), world=world)
    bad.say(b"\x30\x00")
    assert bad.closed
    assert [each.kind for each in good.say(PINGREQ)] == [PINGRESP]


@BOTH
def test_a_packet_larger_than_the_server_takes_ends_the_connection(level: int) -> None:
    world = World(max_packet_size=1000)
    conversation = Conversation(level, world=world)
    told = conversation.say(b"\x30\xff\x7f")
    assert conversation.closed
    assert told == ([Packet(DISCONNECT, 0, told[0].body)] if level == 5 else [])
    assert level == 4 or told[0].body[0] == 0x95


def test_the_limits_of_the_server_stand_in_the_5_0_connack() -> None:
    world = World(receive_maximum=7, max_packet_size=2000, topic_alias_maximum=3)
    body = Conversation(5, world=world).connack.body
    for limit in (b"\x21\x00\x07", b"\x27\x00\x00\x07\xd0", b"\x22\x00\x03"):
        assert limit in body


def test_every_device_gets_the_keep_alive_that_it_asked_for() -> None:
    world = World()
    conversation = Conversation(5, connect(level=5, keep_alive=65_535), world=world)
    assert b"\x13" not in conversation.connack.body[2:]
    world.time.advance(98_000)
    assert not conversation.closed
