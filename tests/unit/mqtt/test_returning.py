"""A device that comes back while its messages are pending: one record, one PUBACK, in order."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import RejectedError, TransientKafkaError
from adapter.reasons import Reason
from tests.support.front_end import Device, World
from tests.support.packets import DISCONNECT, connect, puback, publish

BOTH = pytest.mark.parametrize("level", [4, 5])


def send(device: Device, *numbers: int, level: int = 4, dup: bool = False, topic: str = "t") -> None:
    device.send(*(publish(topic, b"%d" % n, packet_id=n, level=level, dup=dup) for n in numbers))


def log(world: World, partition: int = 0) -> list[int]:
    return [int(value) for value in world.kafka.log.get(("plant", partition), [])]


@BOTH
@pytest.mark.parametrize("end", ["gone", "disconnect", "takeover"])
def test_what_is_sent_again_while_it_is_pending_makes_one_record_and_gets_one_puback(level: int, end: str) -> None:
    world = World()
    first = world.device(level=level)
    send(first, 1, 2, 3, level=level)
    if end == "gone":
        first.session.gone()
    elif end == "disconnect":
        first.send(DISCONNECT)
    second = world.device(level=level)
    send(second, 1, 2, 3, level=level, dup=True)
    send(second, 4, level=level)
    first.wire.take()
    world.answer_all()
    assert log(world) == [1, 2, 3, 4]
    assert second.wire.take() == b"".join(map(puback, (1, 2, 3, 4)))
    assert first.wire.take() == b""
    assert (world.ledger.received[1], world.ledger.acknowledged[1]) == (4, 4)
    assert world.frontend.counters.joined == 3
    assert world.balanced()


@given(data=st.data())
def test_however_often_it_comes_back_every_message_is_there_once_and_in_order(data: st.DataObject) -> None:
    world = World(receive_maximum=50)
    numbers = iter(range(1, 60))
    unanswered: list[int] = []
    topics: dict[int, str] = {}
    for _ in range(data.draw(st.integers(1, 5), label="connections")):
        device = world.device()
        again = unanswered[: data.draw(st.integers(0, len(unanswered)), label="sent again before the connection ends")]
        whole = len(again) == len(unanswered)
        fresh = [next(numbers) for _ in range(data.draw(st.integers(0, 5), label="new"))] if whole else []
        topics |= {n: data.draw(st.sampled_from(["t", "p1/t"]), label="topic") for n in fresh}
        device.send(*(publish(topics[n], b"%d" % n, packet_id=n, dup=True) for n in again))
        device.send(*(publish(topics[n], b"%d" % n, packet_id=n) for n in fresh))
        for _ in range(data.draw(st.integers(0, 2), label="batches answered")):
            world.time.turn()
            if world.kafka.waiting:
                world.kafka.answer()
        unanswered += fresh
        for n in pubacks(device.wire.take()):
            assert n == unanswered.pop(0), "in the order of the PUBLISHes"
        device.session.gone()
    last = world.device()
    last.send(*(publish(topics[n], b"%d" % n, packet_id=n, dup=True) for n in unanswered))
    world.answer_all()
    assert pubacks(last.wire.take()) == unanswered
    for partition in (0, 1):
        first_seen = list(dict.fromkeys(log(world, partition)))
        assert first_seen == sorted(first_seen)
    assert world.balanced()
    assert sum(world.ledger.pending) == 0
    assert world.frontend._pending == {}


@given(data=st.data())
def test_wherever_connections_are_cut_in_an_outage_every_message_is_there_once_and_has_one_puback(
    data: st.DataObject,
) -> None:
    """Each connection brings again, with DUP, what came before, then goes on; it is cut after any byte."""
    world = World()
    total = data.draw(st.integers(1, 8), label="messages")
    topics = data.draw(st.lists(st.sampled_from(["t", "p1/t"]), min_size=total, max_size=total), label="topics")
    sent = 0  # a device takes a message for sent when its first byte has left
    for level in data.draw(st.lists(st.sampled_from([4, 5]), max_size=5), label="connections"):
        packets = [
            publish(topic, b"%d" % n, packet_id=n, level=level, dup=n <= sent) for n, topic in enumerate(topics, 1)
        ]
        cut = data.draw(st.integers(0, sum(map(len, packets))), label="cut after")
        device = world.device(level=level)
        for at in range(0, cut, 11):
            device.send(b"".join(packets)[at : min(at + 11, cut)])
        sent = max([sent, *(n for n in range(1, total + 1) if sum(map(len, packets[: n - 1])) < cut)])
        device.session.gone()
        assert device.wire.take() == b""
        world.time.turn()
    last = world.device()
    last.send(*(publish(topic, b"%d" % n, packet_id=n, dup=n <= sent) for n, topic in enumerate(topics, 1)))
    world.answer_all()
    assert pubacks(last.wire.take()) == list(range(1, total + 1))
    for partition, topic in enumerate(["t", "p1/t"]):
        assert log(world, partition) == [n for n in range(1, total + 1) if topics[n - 1] == topic]
    assert (world.ledger.received[1], world.ledger.acknowledged[1]) == (total, total)
    assert world.frontend._pending == {}


def pubacks(data: bytes) -> list[int]:
    """The packet identifiers in a row of PUBACKs."""
    assert all(data[at : at + 2] == b"\x40\x02" for at in range(0, len(data), 4))
    return [int.from_bytes(data[at + 2 : at + 4], "big") for at in range(0, len(data), 4)]


def test_another_message_with_the_same_identifier_is_a_message_of_its_own() -> None:
    world = World()
    first = world.device()
    send(first, 1)
    first.session.gone()
    second = world.device()
    second.send(publish("t", b"7", packet_id=1, dup=True), publish("t", b"1", packet_id=1, dup=True, retain=True))
    world.answer_all()
    assert log(world) == [1, 7, 1]
    assert second.wire.take() == puback(1) * 2


def test_nobody_joins_the_message_of_another_device() -> None:
    world = World()
    send(world.device("one"), 1)
    other = world.device("other")
    send(other, 1, dup=True)
    world.answer_all()
    assert log(world) == [1, 1]
    assert world.frontend.counters.joined == 0


def test_nobody_joins_the_message_of_another_tenant() -> None:
    world = World()
    world.gate.hold_connects = True
    for tenant in ("one", "other"):
        device = world.accept()
        device.send(connect("c1"))
        world.gate.let_in(tenant)
        send(device, 1, dup=True)
    world.answer_all()
    assert log(world) == [1, 1]
    assert world.frontend.counters.joined == 0


def test_a_message_that_is_repeated_on_its_own_connection_has_one_puback() -> None:
    world = World()
    device = world.device()
    send(device, 1, 2)
    send(device, 1, 2, dup=True)
    world.answer_all()
    assert log(world) == [1, 2]
    assert device.wire.take() == puback(1) + puback(2)


def test_what_was_acknowledged_while_the_device_was_away_is_written_again() -> None:
    world = World()
    first = world.device()
    send(first, 1)
    first.session.gone()
    world.answer_all()
    second = world.device()
    send(second, 1, dup=True)
    world.answer_all()
    assert log(world) == [1, 1]
    assert second.wire.take() == puback(1)


def test_what_is_rejected_is_told_to_the_connection_that_joined() -> None:
    world = World()
    first = world.device(level=5)
    send(first, 1, 2, level=5)
    first.session.gone()
    second = world.device(level=5)
    send(second, 1, 2, level=5, dup=True)
    world.answer_all(RejectedError("no"))
    answers = second.wire.take()
    assert answers.count(b"\x40") == 2
    assert answers[4] >= 0x80
    assert world.ledger.refused[1] == {Reason.REJECTED_BY_KAFKA: 2}
    assert not second.wire.closed


def test_when_kafka_never_answers_the_connection_that_joined_is_closed_and_nothing_of_it_lands_first() -> None:
    world = World()
    first = world.device()
    send(first, 1)
    world.time.turn()
    first.session.gone()
    second = world.device()
    send(second, 1, dup=True)
    send(second, 2)
    world.time.advance(61)
    world.time.advance(61)
    assert second.wire.closed
    assert second.wire.take() == b""
    third = world.device()
    send(third, 1, 2, dup=True)
    world.answer_all()
    assert log(world) == [1, 1, 2]
    assert third.wire.take() == puback(1) + puback(2)
    assert world.balanced()
    assert world.frontend._pending == {}


def test_nothing_is_remembered_of_a_device_that_has_nothing_pending() -> None:
    world = World()
    device = world.device()
    send(device, 1)
    device.session.gone()
    assert len(world.frontend._pending) == 1
    world.answer_all()
    assert world.frontend._pending == {}


def test_a_message_that_is_repeated_twice_has_one_puback() -> None:
    world = World()
    send(world.device(), 1, 2)
    second = world.device()
    send(second, 1, 2, dup=True)
    send(second, 1, 2, dup=True)
    world.answer_all()
    assert log(world) == [1, 2]
    assert second.wire.take() == puback(1) + puback(2)


def test_a_message_is_joined_also_after_its_run_was_cut() -> None:
    world = World()
    send(world.device(), 1, 2, 3, 4)
    second = world.device()
    send(second, 1, dup=True)
    world.time.turn()
    world.kafka.answer(RejectedError("one of them"))
    send(second, 2, 3, 4, dup=True)
    world.answer_all()
    assert log(world) == [1, 2, 3, 4]
    assert second.wire.take() == b"".join(map(puback, (1, 2, 3, 4)))


def test_a_chain_of_returns_fails_and_is_withdrawn_as_one() -> None:
    """Each connection joins only what the one before it sent, a thousand times over."""
    world = World()
    send(world.device(), 1)
    world.time.turn()
    for number in range(2, 2000):
        device = world.device()
        send(device, number - 1, dup=True)
        send(device, number)
    world.time.advance(61)
    world.time.advance(61)
    assert device.wire.closed
    last = world.device()
    send(last, 1998, 1999, dup=True)
    world.answer_all()
    assert log(world) == [1, 1998, 1999]
    assert world.balanced()
    assert world.frontend._pending == {}


def test_a_refusal_that_the_connection_hears_that_joined_ends_nothing() -> None:
    world = World()
    first = world.device(level=5)
    send(first, 1, level=5)
    world.time.turn()
    first.session.gone()
    second = world.device(level=5)
    send(second, 1, level=5, dup=True)
    send(second, 2, level=5)
    world.kafka.answer(RejectedError("no"))
    world.answer_all()
    assert second.wire.take()[2:5] == b"\x00\x01\x83"
    assert log(world) == [2]
    assert not second.wire.closed
    assert world.balanced()


@BOTH
def test_what_a_connection_in_between_has_sent_fails_with_what_came_before_it(level: int) -> None:
    """The third connection joins the first in the place of the second, which has the last message."""
    world = World()
    send(world.device(level=level), 1, 2, level=level)
    world.time.advance(5)
    second = world.device(level=level)
    send(second, 1, 2, level=level, dup=True)
    send(second, 3, level=level)
    send(world.device(level=level), 1, 2, 3, level=level, dup=True)
    while not world.ledger.unknown[1]:
        world.time.advance(1)
    world.kafka.answer(TransientKafkaError("no leader"))
    world.answer_all()
    assert log(world) == []
    assert world.balanced()


def test_a_connection_whose_joined_message_has_failed_takes_nothing_more_while_its_turn_has_not_come() -> None:
    world = World()
    first = world.device()
    send(first, 1, 2, topic="p1/t")
    world.time.turn()
    first.session.gone()
    world.time.advance(30)
    second = world.device()
    send(second, 10)
    send(second, 1, dup=True, topic="p1/t")
    world.time.advance(31)
    world.time.advance(1)
    assert world.ledger.unknown[1] == 2
    assert not second.wire.closed, "10 may still be acknowledged"
    received = world.ledger.received[1]
    send(second, 2, dup=True, topic="p1/t")
    assert world.ledger.received[1] == received
    world.answer_all()
    world.time.advance(2)
    assert second.wire.take() == puback(10)
    assert second.wire.closed
    assert world.balanced()


def test_a_message_that_is_repeated_in_the_same_read_has_one_puback() -> None:
    world = World()
    device = world.device()
    first, again = (publish("t", b"1", packet_id=1, dup=dup) for dup in (False, True))
    second, second_again = (publish("t", b"2", packet_id=2, dup=dup) for dup in (False, True))
    device.send(first, again, second, second_again, again)
    world.answer_all()
    assert log(world) == [1, 2]
    assert device.wire.take() == puback(1) + puback(2)


@BOTH
def test_what_is_repeated_needs_no_room_in_the_budget(level: int) -> None:
    """A long outage has filled the buffers; a device comes back, and what it sends next has to wait."""
    world = World(budget=500)
    first = world.device(level=level)
    send(first, *range(1, 10), level=level)
    assert world.budget.used > 500
    first.session.gone()
    second = world.device(level=level)
    send(second, *range(1, 10), level=level, dup=True)
    send(second, 10, level=level)
    assert world.frontend.counters.joined == 9
    assert world.frontend.counters.paused == 1
    world.answer_all()
    assert log(world) == list(range(1, 11))
    assert second.wire.take() == b"".join(map(puback, range(1, 11)))


def test_what_is_repeated_is_not_kept_a_second_time() -> None:
    world = World()
    payloads = [b"%d" % n + bytes(10_000) for n in range(1, 201)]
    world.device().send(*(publish("t", payload, packet_id=n) for n, payload in enumerate(payloads, 1)))
    again = b"".join(publish("t", payload, packet_id=n, dup=True) for n, payload in enumerate(payloads, 1))
    second = world.device()
    tracemalloc.start()
    try:
        second.send(again)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert world.frontend.counters.joined == 200
    assert kept < 200 * 600


@pytest.mark.parametrize("what", ["repeats", "a part of a packet", "topics and aliases"])
def test_what_a_connection_leaves_behind_is_what_it_has_pending(what: str) -> None:
    """Whatever else it had in memory, and however many connections of its device were there before."""
    world = World()
    count = 400
    world.device(level=5).session.gone()
    tracemalloc.start()
    try:
        for n in range(1, count + 1):
            device = world.device(level=5)
            send(device, n, level=5, dup=what == "repeats")
            if what == "a part of a packet":
                device.send(publish("t", bytes(100_000), packet_id=n + count, level=5)[:-1])
            elif what == "topics and aliases":
                topic, alias = "t" * 1000, b"\x23\x00\x01"
                device.send(publish(topic, qos=0, level=5, properties=alias))
            device.session.gone()
            device.wire.take()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < count * 4000
    world.answer_all()
    assert world.frontend._pending == {}


@pytest.mark.parametrize("dup", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_ten_times_as_many_connections_that_have_gone_are_settled_in_ten_times_the_time(
    *, dup: bool, fails: bool
) -> None:
    """With `dup` each repeats what the one before it has sent."""

    def seconds(count: int) -> float:
        world = World()
        for n in range(1, count + 1):
            device = world.device()
            if dup and n > 1:
                send(device, n - 1, dup=True)
            send(device, n)
            device.session.gone()
        began = time.process_time()
        if fails:
            world.time.advance(61)
        world.answer_all()
        assert world.frontend._pending == {}
        return time.process_time() - began

    assert seconds(3000) < 40 * seconds(300)


def test_a_connection_that_has_gone_is_forgotten_with_its_last_outcome() -> None:
    world = World()
    first = world.device()
    send(first, 1)
    send(first, 2, topic="p1/t")
    first.session.gone()
    second = world.device()
    send(second, 2, dup=True, topic="p1/t")
    world.time.turn()
    world.kafka.answer(at=[batch.partition for batch, _ in world.kafka.waiting].index(0))
    second.session.gone()
    third = world.device()
    send(third, 2, dup=True, topic="p1/t")
    world.answer_all()
    assert (log(world), log(world, 1)) == ([1], [2])
    assert third.wire.take() == puback(2)
    assert world.frontend._pending == {}
