"""A broker is given a bounded number of bytes at a time, and no other broker waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.protocol.metadata import MetadataResponse_v1

from adapter.errors import ProducerLostError, TransientKafkaError
from adapter.kafka.generation import Generation
from adapter.kafka.in_flight_bytes import MAX_BYTES, InFlightBytes
from adapter.kafka.options import KafkaOptions
from tests.support.batches import make_batch

if TYPE_CHECKING:
    from aiokafka.structs import TopicPartition


class Batches:
    """Batches that enter, and note in which order they got their turn."""

    def __init__(self, most: int = 100) -> None:
        self.load = InFlightBytes(most)
        self.entered: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, size: int, broker: int = 1) -> None:
        async def enter() -> None:
            await self.load.enter(broker, size, ("plant", len(self.tasks)))
            self.entered.append(name)

        self.tasks[name] = asyncio.create_task(enter())
        await self.settle()

    async def go(self, size: int, broker: int = 1) -> None:
        self.load.leave(broker, size)
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(3):
            await asyncio.sleep(0)


async def test_batches_enter_up_to_the_limit_and_the_rest_in_the_order_in_which_they_came() -> None:
    batches = Batches()
    for name, size in (("a", 60), ("b", 40), ("c", 80), ("d", 10)):
        await batches.come(name, size)
    assert batches.entered == ["a", "b"]
    await batches.go(60)
    assert batches.entered == ["a", "b"], "d does not pass c"
    await batches.go(40)
    assert batches.entered == ["a", "b", "c", "d"]


async def test_a_batch_larger_than_the_limit_goes_alone() -> None:
    batches = Batches()
    await batches.come("small", 10)
    await batches.come("large", 500)
    assert batches.entered == ["small"]
    await batches.go(10)
    await batches.come("next", 10)
    assert batches.entered == ["small", "large"]
    await batches.go(500)
    assert batches.entered == ["small", "large", "next"]


async def test_a_broker_that_does_not_answer_holds_up_no_other() -> None:
    batches = Batches()
    await batches.come("silent", 100, broker=1)
    await batches.come("stuck", 100, broker=1)
    await batches.come("free", 100, broker=2)
    assert batches.entered == ["silent", "free"]
    await batches.go(100)
    assert batches.entered == ["silent", "free", "stuck"]


async def test_one_that_gives_up_waiting_leaves_its_turn_to_the_next() -> None:
    batches = Batches()
    for name in ("a", "b", "c"):
        await batches.come(name, 100)
    batches.tasks["b"].cancel()
    await batches.go(100)
    assert batches.entered == ["a", "c"]


async def test_one_that_is_cancelled_as_its_turn_comes_leaves_again() -> None:
    batches = Batches()
    for name in ("a", "b", "c"):
        await batches.come(name, 100)
    batches.load.leave(1, 100)
    batches.tasks["b"].cancel()
    await batches.settle()
    assert batches.entered == ["a", "c"]


async def test_when_nothing_more_is_sent_nobody_waits() -> None:
    batches = Batches()
    for name in ("a", "b", "c"):
        await batches.come(name, 100)
    batches.load.release_all()
    await batches.settle()
    assert batches.entered == ["a", "b", "c"]
    for _ in range(3):
        await batches.go(100)
    await batches.come("d", 100)
    assert batches.entered == ["a", "b", "c", "d"]


async def test_what_will_not_be_sent_to_the_broker_waits_no_longer_and_the_others_keep_their_turns() -> None:
    batches = Batches()
    for name in ("silent", "stays", "goes", "stays too"):
        await batches.come(name, 100)
    goes = batches.load.waiting_for(1)[1]
    batches.load.release(lambda broker, partition: (broker, partition) == (1, goes))
    await batches.settle()
    assert batches.entered == ["silent", "goes"]
    await batches.go(100)
    assert batches.entered == ["silent", "goes"], "it was the one that goes"
    await batches.go(100)
    assert batches.entered == ["silent", "goes", "stays"]
    await batches.go(100)
    assert batches.entered == ["silent", "goes", "stays", "stays too"]
    assert batches.load.waiting_for(1) == batches.load.waiting_for(2) == []


async def test_one_that_gave_up_waiting_is_not_let_go_again() -> None:
    batches = Batches()
    for name in ("a", "b"):
        await batches.come(name, 100)
    batches.tasks["b"].cancel()
    batches.load.release(lambda _broker, _partition: True)
    await batches.settle()
    assert batches.entered == ["a"]
    await batches.go(100)
    await batches.come("c", 100)
    assert batches.entered == ["a", "c"]


class Client:
    """Stands for aiokafka's producer, client and cluster: partition 7 is led by broker 7, all others by broker 1."""

    def __init__(self, **_options: Any) -> None:
        self.client = self.cluster = self
        self.given: list[asyncio.Future[None]] = []

    def leader_for_partition(self, partition: TopicPartition) -> int:
        return 7 if partition.partition == 7 else 1

    async def send_batch(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        self.given.append(asyncio.get_running_loop().create_future())
        return self.given[-1]


async def test_after_an_outage_a_broker_is_given_no_more_than_the_limit_at_a_time() -> None:
    generation = Generation(KafkaOptions("nowhere:9092"), client=Client)
    client: Any = generation._producer
    size = MAX_BYTES // 4
    writing = [asyncio.create_task(generation.write("plant", partition, object(), size)) for partition in range(20)]
    rounds = []
    while not all(task.done() for task in writing):
        for _ in range(5):
            await asyncio.sleep(0)
        given, client.given = client.given, []
        rounds.append(len(given))
        for answer in given:
            answer.set_result(None)
        for _ in range(5):
            await asyncio.sleep(0)
    assert [task.result() for task in writing] == [-1] * 20
    assert rounds == [5, 4, 4, 4, 3], "four at broker 1, and at first the one at broker 7"


def led_by(**leaders: int) -> MetadataResponse_v1:
    """What Kafka says: topics of one partition, and which broker leads it."""
    return MetadataResponse_v1(
        [(broker, "nowhere", 9092, None) for broker in (1, 2)],
        2,
        [(0, topic, False, [(0, 0, leader, [], [])]) for topic, leader in leaders.items()],
    )


async def test_a_batch_whose_partition_gets_another_leader_does_not_wait_for_the_old_one() -> None:
    """Broker 1 dies with all that it may hold of a topic without replicas, for the whole request timeout."""
    generation = Generation(KafkaOptions("nowhere:9092"))
    cluster = generation._producer.client.cluster
    cluster.update_metadata(led_by(alone=1, replicated=1, late=1))
    builder = generation.encode(make_batch("plant", 0, [b"1"]))
    held = asyncio.create_task(generation.write("alone", 0, builder, MAX_BYTES))
    await asyncio.sleep(0.01)
    moves, stays = (asyncio.create_task(generation.write(topic, 0, builder, 100)) for topic in ("replicated", "late"))
    await asyncio.sleep(0.01)
    assert generation._in_flight.waiting_for(1) == [("replicated", 0), ("late", 0)]
    cluster.update_metadata(led_by(alone=-1, replicated=2, late=1))
    with pytest.raises(TransientKafkaError, match="partition 0 of replicated has got another leader"):
        await asyncio.wait_for(moves, 1)
    assert not held.done()
    assert not stays.done()
    generation.halt()
    await asyncio.wait((held, stays))
    assert [type(task.exception()) for task in (held, stays)] == [ProducerLostError, TransientKafkaError]
    await generation.close(0.1)
