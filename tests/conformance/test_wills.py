"""The Will: sections 3.1.2.5 to 3.1.2.7, 3.1.3.2 to 3.1.3.4 and 3.14.4 of 5.0; 3.1.2.5 and 3.14.4 of 3.1.1."""

from __future__ import annotations

import pytest

from tests.conformance.conversation import DISCONNECT, Conversation, packets
from tests.support.front_end import World
from tests.support.packets import connect, packet, publish, text, varint

BOTH = pytest.mark.parametrize("level", [4, 5])
GOODBYE = b"\xe0\x00"
WILL_FLAG, RETAIN_FLAG = 0x04, 0x20
EXPIRY = b"\x11\x00\x00\x00\x3c"  # Session Expiry Interval: a minute


def delay(seconds: int) -> bytes:
    return b"\x18" + seconds.to_bytes(4, "big")


def hello(  # noqa: PLR0913 - a packet has these parts
    level: int,
    payload: bytes = b"will",
    *,
    topic: str = "w/t",
    qos: int = 1,
    retain: bool = False,
    clean: bool = True,
    will_properties: bytes = b"",
    properties: bytes = b"",
) -> bytes:
    """A CONNECT with a Will."""
    flags = WILL_FLAG | qos << 3 | (RETAIN_FLAG if retain else 0) | (2 if clean else 0)
    head = text("MQTT") + bytes([level, flags]) + b"\0\x0a"
    lists = (varint(len(properties)) + properties, varint(len(will_properties)) + will_properties)
    before, within = lists if level == 5 else (b"", b"")
    return packet(0x10, head + before + text("c1") + within + text(topic) + text(payload))


def dies(conversation: Conversation, ending: str) -> None:
    """End a connection so that the specification wants the Will published."""
    if ending == "cut":
        conversation.device.session.gone()
    elif ending == "silence":
        conversation.world.time.advance(17)
    elif ending == "malformed packet":
        conversation.say(b"\x30\x00")
    elif ending == "disconnect with Will":
        conversation.say(b"\xe0\x01\x04")
    else:
        Conversation(conversation.level, connect(level=conversation.level), world=conversation.world)
    conversation.world.answer_all()


ENDINGS = ["cut", "silence", "malformed packet", "takeover"]


@pytest.mark.parametrize(
    ("level", "ending"), [(level, ending) for level in (4, 5) for ending in ENDINGS] + [(5, "disconnect with Will")]
)
def test_a_will_is_published_when_its_connection_ends_otherwise_than_by_a_good_disconnect(
    level: int, ending: str
) -> None:
    conversation = Conversation(level, hello(level))
    conversation.say_and_wait(publish("t", b"last", level=level))
    assert conversation.records == [b"last"]
    dies(conversation, ending)
    assert conversation.records == [b"last", b"will"]
    conversation.world.time.advance(100)
    conversation.world.answer_all()
    assert conversation.records == [b"last", b"will"]


@BOTH
def test_a_disconnect_deletes_the_will(level: int) -> None:
    conversation = Conversation(level, hello(level))
    conversation.say(GOODBYE)
    conversation.device.session.gone()
    conversation.world.time.advance(100)
    conversation.world.answer_all()
    assert conversation.records == []


@BOTH
def test_without_a_will_nothing_is_published(level: int) -> None:
    conversation = Conversation(level)
    dies(conversation, "cut")
    assert conversation.records == []


@BOTH
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [True, False])
def test_a_will_has_its_own_qos_and_retain_flag(level: int, qos: int, *, retain: bool) -> None:
    conversation = Conversation(level, hello(level, qos=qos, retain=retain))
    dies(conversation, "cut")
    assert conversation.records == [b"will"]
    [header] = conversation.world.gate.resolved
    assert (header.topic, header.qos, header.retain) == ("w/t", qos, retain)


@BOTH
def test_a_will_may_be_any_bytes_or_none(level: int) -> None:
    for payload in (b"", b"\0\xff", b"x" * 60_000):
        conversation = Conversation(level, hello(level, payload))
        dies(conversation, "cut")
        assert conversation.records == [payload]


def test_the_properties_of_a_will_are_kept_in_their_order() -> None:
    users = b"".join(b"\x26" + text(name) + text("v") for name in ("b", "a", "b"))
    sent = b"\x01\x01" + b"\x02\0\0\0\x3c" + b"\x03" + text("text/plain") + b"\x08" + text("r") + b"\x09\0\1c" + users
    conversation = Conversation(5, hello(5, will_properties=sent))
    dies(conversation, "cut")
    [header] = conversation.world.gate.resolved
    found = header.properties
    assert (found.payload_format, found.message_expiry, found.content_type) == (1, 60, "text/plain")
    assert (found.response_topic, found.correlation_data) == ("r", b"c")
    assert found.user_properties == (("b", "v"), ("a", "v"), ("b", "v"))


def test_a_delayed_will_waits_and_is_not_published_when_its_device_comes_back() -> None:
    asks = hello(5, will_properties=delay(10), clean=False, properties=EXPIRY)
    conversation = Conversation(5, asks)
    conversation.device.session.gone()
    conversation.world.time.advance(9)
    conversation.world.answer_all()
    assert conversation.records == []
    Conversation(5, connect(level=5, clean=False, keep_alive=0, properties=EXPIRY), world=conversation.world)
    conversation.world.time.advance(100)
    conversation.world.answer_all()
    assert conversation.records == []


def test_a_delayed_will_is_published_after_its_delay() -> None:
    conversation = Conversation(5, hello(5, will_properties=delay(10), properties=EXPIRY))
    conversation.device.session.gone()
    conversation.world.time.advance(11)
    conversation.world.answer_all()
    assert conversation.records == [b"will"]


def test_a_delayed_will_is_published_at_the_latest_when_its_session_ends() -> None:
    conversation = Conversation(5, hello(5, will_properties=delay(600), properties=EXPIRY))
    conversation.device.session.gone()
    conversation.world.time.advance(61)
    conversation.world.answer_all()
    assert conversation.records == [b"will"]
    without_session = Conversation(5, hello(5, will_properties=delay(600)))
    dies(without_session, "cut")
    assert without_session.records == [b"will"]


def test_a_clean_start_ends_the_session_of_a_delayed_will() -> None:
    conversation = Conversation(5, hello(5, will_properties=delay(10), properties=EXPIRY))
    conversation.device.session.gone()
    Conversation(5, connect(level=5, clean=True), world=conversation.world)
    conversation.world.answer_all()
    assert conversation.records == [b"will"]


@BOTH
@pytest.mark.parametrize("topic", ["", "a/#", "+", "a+"])
def test_a_will_with_a_topic_that_is_no_topic_name_is_not_accepted(level: int, topic: str) -> None:
    world = World()
    device = world.accept()
    device.send(hello(level, topic=topic))
    assert device.wire.closed
    assert [each for each in packets(device.wire.take()) if each.body[1] == 0] == []


def test_a_takeover_tells_the_first_connection_and_publishes_its_will() -> None:
    first = Conversation(5, hello(5))
    Conversation(5, connect(level=5), world=first.world)
    first.world.answer_all()
    assert [each.kind for each in packets(first.device.wire.take())] == [DISCONNECT]
    assert first.records == [b"will"]
