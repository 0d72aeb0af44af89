"""Messages that have waited for longer than they may do not reach Kafka; their device hears success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from adapter.errors import TransientKafkaError
from adapter.reasons import Reason
from tests.support.front_end import Device, World
from tests.support.packets import last_will, puback, publish

if TYPE_CHECKING:
    from collections.abc import Callable

TEN = b"\x02\x00\x00\x00\x0a"  # Message Expiry Interval
TWENTY = b"\x02\x00\x00\x00\x14"


@pytest.fixture
def world() -> World:
    return World()


def send(  # noqa: PLR0913 - a packet has these parts
    device: Device, payload: bytes, packet_id: int = 1, *, expiry: bytes = TEN, qos: int = 1, topic: str = "t"
) -> None:
    device.send(publish(topic, payload, packet_id=packet_id, qos=qos, level=5, properties=expiry))


def at_kafka(world: World) -> Device:
    """A device that has sent a first message, which is at Kafka and stays there."""
    device = world.device(level=5)
    send(device, b"first", 1, expiry=b"")
    world.time.turn()
    return device


def landed(world: World) -> list[bytes]:
    world.answer_all()
    assert world.balanced()
    assert world.ledger.pending == [0, 0, 0]
    assert world.budget.used == 0
    return world.kafka.log[("plant", 0)]


def test_what_waits_behind_kafka_for_too_long_is_dropped_and_answered_with_success_in_its_turn(world: World) -> None:
    device = at_kafka(world)
    send(device, b"short", 2)
    send(device, b"long", 3, expiry=TWENTY)
    send(device, b"any", 4, expiry=b"")
    send(device, b"short", 5)
    world.time.advance(10)
    assert device.wire.take() == b"", "the first is not acknowledged yet"
    assert landed(world) == [b"first", b"long", b"any"]
    assert device.wire.take() == b"".join(puback(number) for number in range(1, 6))
    assert world.ledger.acknowledged[1] == 3
    assert world.ledger.dropped[1] == {Reason.EXPIRED: 2}


def test_what_does_not_wait_for_so_long_arrives(world: World) -> None:
    device = at_kafka(world)
    send(device, b"short", 2)
    world.time.advance(9.4)
    assert landed(world) == [b"first", b"short"]


@pytest.mark.parametrize("qos", [0, 2])
def test_whatever_the_qos(world: World, qos: int) -> None:
    device = at_kafka(world)
    send(device, b"short", 2, qos=qos)
    world.time.advance(11)
    assert landed(world) == [b"first"]
    assert world.ledger.dropped[qos] == {Reason.EXPIRED: 1}
    assert device.wire.take() == puback(1) + (b"\x50\x02\x00\x02" if qos else b"")
    if qos:  # an exchange like any other
        send(device, b"short", 2, qos=qos)
        assert landed(world) == [b"first"]
        device.send(b"\x62\x02\x00\x02")
        assert device.wire.take() == b"\x50\x02\x00\x02\x70\x02\x00\x02"


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_an_interval_of_nothing_is_enough_for_a_kafka_that_answers(world: World, qos: int) -> None:
    device = world.device(level=5)
    send(device, b"now", expiry=b"\x02\x00\x00\x00\x00", qos=qos)
    world.time.turn()
    assert landed(world) == [b"now"]


def test_an_interval_of_nothing_lets_it_wait_for_no_more_than_a_second(world: World) -> None:
    device = at_kafka(world)
    send(device, b"now", 2, expiry=b"\x02\x00\x00\x00\x00")
    world.time.advance(1)
    assert landed(world) == [b"first"]
    assert device.wire.take() == puback(1) + puback(2)


def test_while_kafka_is_away_what_expires_is_dropped_and_its_room_is_free(world: World) -> None:
    device = world.device(level=5)
    send(device, b"first", 1, expiry=b"")
    world.time.turn()
    world.kafka.answer(TransientKafkaError("away"))
    used = world.budget.used
    send(device, b"short", 2, qos=0)
    assert world.budget.used > used
    world.time.advance(0.3)
    world.kafka.waiting.clear()
    world.time.advance(11)
    assert world.budget.used == used
    assert world.ledger.dropped[0] == {Reason.EXPIRED: 1}


def test_what_is_in_a_batch_at_kafka_goes_on(world: World) -> None:
    device = world.device(level=5)
    send(device, b"short", 1)
    world.time.turn()
    world.time.advance(30)
    world.kafka.answer(TransientKafkaError("not now"))
    world.time.advance(1)
    assert landed(world) == [b"short"]
    assert device.wire.take() == puback(1)


def test_the_time_of_a_look_up_counts(world: World) -> None:
    device = world.device(level=5)
    send(device, b"short", 1, topic="later/t")
    send(device, b"long", 2, topic="later/t", expiry=TWENTY)
    world.time.advance(11)
    world.gate.answer()
    world.time.advance(4)
    world.gate.answer()
    assert landed(world) == [b"long"]
    assert device.wire.take() == puback(1) + puback(2)


def test_the_time_in_which_there_is_no_room_counts() -> None:
    world = World(budget=400)
    device = world.device(level=5)
    send(device, b"first" * 20, 1, expiry=b"")
    send(device, b"second" * 20, 2, expiry=b"")
    send(device, b"short", 3)
    assert device.session.pauses
    world.time.turn()
    world.time.advance(11)
    assert landed(world) == [b"first" * 20, b"second" * 20]
    assert world.ledger.dropped[1] == {Reason.EXPIRED: 1}


def test_the_next_messages_of_the_connection_have_all_their_time(world: World) -> None:
    device = world.device(level=5)
    send(device, b"short", 1, topic="later/t")
    world.time.advance(11)
    world.gate.answer()
    send(device, b"next", 2, topic="later/t")
    assert landed(world) == [b"next"]


def test_a_lane_looks_no_further_when_all_that_could_expire_has_gone(world: World) -> None:
    device = at_kafka(world)
    lane = world.pipeline.lane("plant", 0)
    send(device, b"short", 2)
    assert lane.expiring
    world.time.advance(11)
    send(device, b"any", 3, expiry=b"")
    assert landed(world) == [b"first", b"any"]
    assert not lane.expiring


def test_a_will_expires_like_any_message_and_is_not_called_lost(world: World) -> None:
    at_kafka(world)
    world.device("w", level=5, will=last_will("t", b"gone", level=5, properties=TEN)).session.gone()
    world.time.advance(11)
    assert landed(world) == [b"first"]
    assert world.ledger.dropped[1] == {Reason.EXPIRED: 1}
    assert world.log.events == []
    assert world.frontend.counters.wills == 0


def test_an_owner_that_fails_while_its_message_expires_is_abandoned_and_nothing_else_suffers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = at_kafka(world), world.device("other", level=5)
    send(other, b"short")
    flow = other.session._flow
    assert flow is not None
    monkeypatch.setattr(type(flow), "settled", fail_for(flow, type(flow).settled))
    world.time.advance(10)
    assert other.wire.closed
    assert landed(world) == [b"first"]
    assert first.wire.take() == puback(1)


def fail_for(broken: object, settled: Callable[[Any], None]) -> Callable[[Any], None]:
    def instead(flow: object) -> None:
        if flow is broken:
            raise RuntimeError("no")
        settled(flow)

    return instead
