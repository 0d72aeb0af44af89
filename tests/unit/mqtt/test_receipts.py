"""The Kafka receipt: topic, partition and offset in the PUBACK or PUBREC of a device that asks for it."""

from __future__ import annotations

import pytest

from adapter.errors import RejectedError
from tests.support.front_end import Device, World
from tests.support.packets import connect, packet, puback, publish, text, varint

USER_PROPERTY = b"\x26"
PUBACK, PUBREC = 0x40, 0x50
ASKS = USER_PROPERTY + text("kafka-receipt") + text("true")
NO_PROBLEM_INFORMATION = b"\x17\x00"
EXPIRY = b"\x11\x00\x00\x00\x3c"  # a minute


def user(name: str, value: str) -> bytes:
    return USER_PROPERTY + text(name) + text(value)


def receipt(kind: int, packet_id: int, offset: int | None, partition: int = 0, topic: str = "plant") -> bytes:
    properties = user("kafka-topic", topic) + user("kafka-partition", str(partition))
    if offset is not None:
        properties += user("kafka-offset", str(offset))
    return packet(kind, packet_id.to_bytes(2, "big") + b"\x00" + varint(len(properties)) + properties)


def asking(world: World, properties: bytes = ASKS, *, clean: bool = True) -> Device:
    device = world.accept()
    device.send(connect(level=5, clean=clean, properties=properties))
    answer = device.wire.take()
    assert (answer[0], answer[3]) == (0x20, 0)
    return device


def test_every_acknowledgement_says_where_its_message_is() -> None:
    world = World()
    other, device = world.device("other", level=5), asking(world)
    other.send(publish("t", b"1", level=5), publish("t", b"2", qos=0, level=5))
    device.send(
        publish("t", b"3", packet_id=3, level=5),
        publish("t", b"4", qos=0, level=5),
        publish("t", b"5", packet_id=5, level=5),
        publish("p1/t", b"6", packet_id=6, qos=2, level=5),
        publish("t", b"7", packet_id=7, qos=2, level=5),
        publish("t", b"8", packet_id=8, qos=2, level=5),
    )
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3", b"4", b"5", b"7", b"8"]
    assert device.wire.take() == (
        receipt(PUBACK, 3, 2)
        + receipt(PUBACK, 5, 4)
        + receipt(PUBREC, 6, 0, partition=1)
        + receipt(PUBREC, 7, 5)
        + receipt(PUBREC, 8, 6)
    )
    assert other.wire.take() == puback(1)


def test_the_next_batch_goes_on_where_the_last_one_ended() -> None:
    world = World()
    device = asking(world)
    for number in range(3):
        device.send(publish("t", packet_id=number + 1, level=5))
        world.answer_all()
    assert device.wire.take() == receipt(PUBACK, 1, 0) + receipt(PUBACK, 2, 1) + receipt(PUBACK, 3, 2)


def test_the_connack_says_that_there_will_be_receipts() -> None:
    world = World()
    device = world.accept()
    device.send(connect(level=5, properties=ASKS))
    assert ASKS in device.wire.take()


@pytest.mark.parametrize(
    ("properties", "level", "allowed"),
    [
        (b"", 5, True),
        (user("kafka-receipt", "false"), 5, True),
        (user("receipt", "true"), 5, True),
        (ASKS + NO_PROBLEM_INFORMATION, 5, True),
        (ASKS, 5, False),
        (b"", 4, True),
    ],
)
def test_who_does_not_ask_or_may_not_gets_none(properties: bytes, level: int, *, allowed: bool) -> None:
    world = World(kafka_receipt=allowed)
    device = world.accept()
    device.send(connect(level=level, properties=properties), publish("t", level=level))
    world.answer_all()
    answers = device.wire.take()
    assert b"kafka" not in answers
    assert answers.endswith(puback(1))
    assert world.frontend.counters.receipts_wanted == 0


@pytest.mark.parametrize(("spare", "whole"), [(0, True), (-1, False)])
def test_a_receipt_that_is_too_large_for_the_device_is_left_out(spare: int, *, whole: bool) -> None:
    world = World()
    limit = len(receipt(PUBACK, 1, 0)) + spare
    device = asking(world, ASKS + b"\x27" + limit.to_bytes(4, "big"))
    device.send(publish("t", level=5))
    world.answer_all()
    assert device.wire.take() == (receipt(PUBACK, 1, 0) if whole else puback(1))


def test_an_offset_that_kafka_does_not_tell_is_left_out() -> None:
    world = World()
    world.kafka.tells_offsets = False
    device = asking(world)
    device.send(publish("t", level=5), publish("t", level=5, packet_id=2))
    world.answer_all()
    assert device.wire.take() == receipt(PUBACK, 1, None) + receipt(PUBACK, 2, None)


def test_what_is_acknowledged_on_receipt_has_no_receipt() -> None:
    world = World()
    device = asking(world)
    device.send(publish("early/t", level=5))
    world.answer_all()
    assert device.wire.take() == puback(1)


def test_a_pubrec_that_is_repeated_has_no_receipt() -> None:
    world = World()
    device = asking(world)
    device.send(publish("t", qos=2, level=5))
    world.answer_all()
    device.wire.take()
    device.send(publish("t", qos=2, level=5, dup=True))
    assert device.wire.take() == b"\x50\x02\x00\x01"


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("first_asks", [True, False])
def test_a_device_that_comes_back_is_told_where_its_pending_messages_are(qos: int, *, first_asks: bool) -> None:
    world = World()
    messages = [publish("t", b"%d" % n, qos=qos, packet_id=n, level=5) for n in (1, 2, 3)]
    again = [publish("t", b"%d" % n, qos=qos, packet_id=n, level=5, dup=True) for n in (1, 2, 3)]
    first = asking(world, EXPIRY + (ASKS if first_asks else b""), clean=False)
    first.send(*messages)
    first.session.gone()
    for _ in range(2):
        last = asking(world, EXPIRY + ASKS, clean=False)
        last.send(*again)
    assert world.frontend.counters.receipts_wanted == 1
    world.answer_all()
    kind = PUBACK if qos == 1 else PUBREC
    assert last.wire.take() == b"".join(receipt(kind, n, n - 1) for n in (1, 2, 3))
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3"]


def test_after_a_batch_was_cut_every_message_has_its_own_offset() -> None:
    world = World()
    device = asking(world)
    device.send(*(publish("t", b"%d" % n, packet_id=n, level=5) for n in (1, 2, 3)))
    world.time.turn()
    world.kafka.answer(RejectedError("one of them is bad"))
    world.answer_all()
    assert device.wire.take() == b"".join(receipt(PUBACK, n, n - 1) for n in (1, 2, 3))


def test_receipts_are_looked_for_only_while_somebody_wants_them() -> None:
    world = World()
    device = asking(world)
    assert world.frontend.counters.receipts_wanted == 1
    device.session.gone()
    assert world.frontend.counters.receipts_wanted == 0
