"""Over the budget, the QoS 0 messages that have waited longest make room for new ones."""

from __future__ import annotations

from collections import Counter

from adapter.model import DeliveryStatus
from adapter.reasons import Reason
from tests.support.fakes import FakeOwner
from tests.support.front_end import World
from tests.support.packets import puback, publish

ROUNDS = 200


def payloads(world: World, partition: int = 0) -> list[bytes]:
    return world.kafka.log.get(("plant", partition), [])


def test_a_flood_of_qos_0_while_kafka_stands_still_leaves_the_newest_in_order() -> None:
    world = World(budget=60_000, drop_oldest=True)
    device = world.device()
    device.send(publish("t", b"at kafka", qos=0))
    world.time.turn()
    for number in range(ROUNDS):
        device.send(publish("t", b"%03d" % number, qos=0))
        world.time.advance(0.01)
    assert world.budget.used <= 60_000
    world.answer_all()
    landed = payloads(world)
    kept = len(landed) - 1
    assert landed == [b"at kafka", *(b"%03d" % number for number in range(ROUNDS - kept, ROUNDS))]
    assert 50 < kept < ROUNDS
    assert world.ledger.dropped[0] == {Reason.BUDGET: ROUNDS - kept}
    assert world.balanced()
    assert world.budget.used == 0


def test_qos_1_is_never_dropped_for_qos_0_and_gets_its_pubacks() -> None:
    world = World(budget=20_000, drop_oldest=True)
    device = world.device()
    for number in range(1, ROUNDS + 1):
        device.send(publish("t", b"%03d" % number, qos=number % 2, packet_id=number))
        world.time.advance(0.01)
    world.answer_all()
    world.time.advance(1)
    world.answer_all()
    landed = payloads(world)
    assert landed == sorted(landed)
    assert [payload for payload in landed if int(payload) % 2] == [b"%03d" % n for n in range(1, ROUNDS + 1, 2)]
    assert device.wire.take() == b"".join(puback(number) for number in range(1, ROUNDS + 1, 2))
    assert world.ledger.dropped[1] == {}
    assert world.ledger.dropped[0][Reason.BUDGET] > 0
    assert world.balanced()


def test_a_flooder_loses_its_own_before_others_lose_theirs() -> None:
    world = World(budget=20_000, drop_oldest=True)
    world.device("first").send(publish("t", b"stuck", qos=0))
    world.time.turn()
    quiet, flooder = world.device("quiet"), world.device("flooder")
    quiet.send(publish("t", b"quiet", qos=0))
    for number in range(ROUNDS):
        flooder.send(publish("t", b"%03d" % number, qos=0))
        world.time.advance(0.01)
    world.answer_all()
    assert payloads(world)[:2] == [b"stuck", b"quiet"]


def test_when_qos_1_fills_the_budget_new_qos_0_messages_are_dropped_at_the_door() -> None:
    world = World(budget=20_000, drop_oldest=True)
    owner = FakeOwner()
    world.time.turn()
    for number in range(80):
        owner.publish(world.pipeline.lane("plant", 0), b"x" * 300, arrived=world.time.now + number)
    assert world.budget.used > 20_000
    device = world.device()
    for _ in range(40):
        device.send(publish("t", b"late", qos=0))
        world.time.advance(0.6)
    assert world.ledger.dropped[0] == {Reason.BUDGET: 40}
    assert {run.outcome for run in owner.runs} == {None}
    world.answer_all()
    assert Counter(run.outcome and run.outcome.status for run in owner.runs) == {DeliveryStatus.ACKNOWLEDGED: 80}


def test_devices_that_wait_with_qos_1_get_their_share_of_the_room_that_was_made() -> None:
    world = World(budget=20_000, drop_oldest=True)
    world.device("first").send(publish("t", b"stuck", qos=0))
    world.time.turn()
    flooder, patient = world.device("flooder"), world.device("patient")
    for number in range(100):
        flooder.send(publish("t", b"%03d" % number, qos=0))
    patient.send(*(publish("t", b"p" * 2000, packet_id=number) for number in range(1, 8)))
    for number in range(100, 200):
        flooder.send(publish("t", b"%03d" % number, qos=0))
        world.time.turn()
    assert world.ledger.received[1] == 7
    world.answer_all()
    assert patient.wire.take() == b"".join(puback(number) for number in range(1, 8))
    assert world.balanced()
