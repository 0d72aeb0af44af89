"""A batch at a broker that has gone silent goes to its partition's next leader, without waiting for the time-out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.client import ConnectionGroup
from aiokafka.structs import TopicPartition

from adapter.errors import TransientKafkaError
from adapter.kafka.generation import Generation
from adapter.kafka.in_flight_bytes import MAX_BYTES
from adapter.kafka.options import KafkaOptions
from adapter.kafka.questions import DescribeTopicsRequest, Standing
from tests.support.batches import make_batch

PARTITION = ("plant", 0)
FROZEN, ALIVE, DOWN = 1, 2, 3


@dataclass(frozen=True)
class Broker:
    nodeId: int  # noqa: N815 - aiokafka's name


@dataclass
class Connection:
    reasons: list[Any] = field(default_factory=list)

    def close(self, reason: Any) -> None:
        self.reasons.append(reason)


class Cluster:
    """What aiokafka knows of leaders; an answer is the leader that it tells of."""

    def __init__(self) -> None:
        self.leader = FROZEN

    def brokers(self) -> list[Broker]:
        return [Broker(FROZEN), Broker(DOWN), Broker(ALIVE)]

    def leader_for_partition(self, partition: TopicPartition) -> int:
        assert partition in {TopicPartition(*PARTITION), TopicPartition("yard", 0)}
        return self.leader

    def update_metadata(self, answer: Answer) -> None:
        self.leader = answer.leader


@dataclass
class Answer:
    leader: int
    brokers: tuple[int, ...] = (ALIVE,)
    next_leader: int = FROZEN  # of another topic, `yard`

    @property
    def topics(self) -> list[tuple[Any, ...]]:
        return [
            (0, topic, False, [(0, 0, leader, 0, [], [], [])], 0)
            for topic, leader in ((PARTITION[0], self.leader), ("yard", self.next_leader))
        ]


class Client:
    """Stands for aiokafka's producer and its client."""

    def __init__(self, **_options: Any) -> None:
        self.client = self
        self.cluster = Cluster()
        self.told = Answer(FROZEN)
        self.asked: list[int] = []  # about the topic
        self.topics: list[set[str]] = []
        self.all_asked: list[int] = []  # about all topics
        self.old: type[Exception] | None = None
        self.random_node = ALIVE
        self.connection = Connection()
        self._conns = {(FROZEN, ConnectionGroup.DEFAULT): self.connection}
        self.answer: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()

    def get_random_node(self) -> int:
        return self.random_node

    def create_batch(self) -> Any:
        return self

    def append(self, **_record: Any) -> bool:
        return True

    async def send_batch(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        return await self.answer

    async def send(self, broker: int, request: object) -> Answer:
        if isinstance(request, DescribeTopicsRequest):
            self.asked.append(broker)
            self.topics.append(set(request._topics))
            if self.old is not None:
                raise self.old
        else:
            self.all_asked.append(broker)
        if broker == DOWN:
            raise errors.NodeNotReadyError
        return self.told


@pytest.fixture
async def generation() -> Generation:
    return Generation(KafkaOptions("nowhere:9092"), client=Client)


async def write(generation: Generation, size: int = 100, topic: str = PARTITION[0]) -> tuple[Client, asyncio.Task[int]]:
    client: Any = generation._producer
    builder = generation.encode(make_batch(topic, 0, [b"1"]))
    writing = asyncio.create_task(generation.write(topic, 0, builder, size))
    await asyncio.sleep(0)
    return client, writing


async def end(client: Client, writing: asyncio.Task[int]) -> None:
    written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    written.set_result(None)
    client.answer.set_result(written)
    assert await writing == -1


async def test_the_connection_to_a_silent_broker_that_leads_no_more_is_closed_once(generation: Generation) -> None:
    client, writing = await write(generation)
    client.told = Answer(ALIVE)
    await generation.follow_leaders([PARTITION])
    assert client.asked == [DOWN, ALIVE], "the silent one is not asked"
    assert len(client.connection.reasons) == 1
    await generation.follow_leaders([PARTITION])
    assert len(client.connection.reasons) == 1
    await end(client, writing)


async def test_a_slow_broker_that_still_leads_keeps_its_connection(generation: Generation) -> None:
    client, writing = await write(generation)
    await generation.follow_leaders([PARTITION])
    assert client.asked == [DOWN, ALIVE]
    assert client.all_asked == [], "which may be thousands"
    assert client.connection.reasons == []
    await end(client, writing)


@pytest.mark.parametrize("error", [errors.IncompatibleBrokerVersion, NotImplementedError])
async def test_brokers_too_old_to_be_asked_about_a_topic_are_asked_about_all(
    generation: Generation, error: type[Exception]
) -> None:
    client, writing = await write(generation)
    client.told = Answer(ALIVE)
    client.old = error
    await generation.follow_leaders([PARTITION])
    assert client.all_asked == [DOWN, ALIVE]
    assert len(client.connection.reasons) == 1
    await end(client, writing)


async def test_brokers_too_old_to_be_asked_about_a_topic_say_nothing_of_it_and_silent_ones_are_told_from_them(
    generation: Generation,
) -> None:
    client: Any = generation._producer
    assert await generation.standings(["plant"]) == {"plant": Standing.THERE, "yard": Standing.THERE}
    client.old = NotImplementedError
    assert await generation.standings(["plant"]) == {}
    client.old, client.random_node = None, DOWN
    with pytest.raises(TransientKafkaError):
        await generation.standings(["plant"])


async def test_a_partition_without_a_leader_waits_for_one(generation: Generation) -> None:
    client, writing = await write(generation)
    client.told = Answer(-1)
    await generation.follow_leaders([PARTITION])
    assert client.connection.reasons == []
    await end(client, writing)


async def test_the_partitions_that_wait_for_a_turn_at_the_silent_broker_are_asked_about_too(
    generation: Generation,
) -> None:
    """The batch that it holds may be of a topic that has no other replica."""
    client, writing = await write(generation, MAX_BYTES)
    client.told = Answer(FROZEN, next_leader=ALIVE)
    _, waiting = await write(generation, topic="yard")
    await generation.follow_leaders([PARTITION])
    assert client.topics == [{"plant", "yard"}] * 2
    assert client.all_asked == [ALIVE]
    await end(client, writing)
    assert await waiting == -1


async def test_a_batch_that_has_been_answered_meanwhile_needs_nothing(generation: Generation) -> None:
    client, writing = await write(generation)
    await end(client, writing)
    await generation.follow_leaders([PARTITION])
    assert client.asked == []
