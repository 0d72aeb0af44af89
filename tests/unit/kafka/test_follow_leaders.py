"""A batch at a broker that has gone silent goes to its partition's next leader, without waiting for the time-out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.client import ConnectionGroup
from aiokafka.structs import TopicPartition

from adapter.kafka.generation import Generation
from adapter.kafka.options import KafkaOptions
from adapter.kafka.questions import DescribeTopicsRequest
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
        assert partition == TopicPartition(*PARTITION)
        return self.leader

    def update_metadata(self, answer: Answer) -> None:
        self.leader = answer.leader


@dataclass
class Answer:
    leader: int
    brokers: tuple[int, ...] = (ALIVE,)

    @property
    def topics(self) -> list[tuple[Any, ...]]:
        return [(0, PARTITION[0], False, [(0, PARTITION[1], self.leader, 0, [], [], [])], 0)]


class Client:
    """Stands for aiokafka's producer and its client."""

    def __init__(self, **_options: Any) -> None:
        self.client = self
        self.cluster = Cluster()
        self.told = Answer(FROZEN)
        self.asked: list[int] = []  # about the topic
        self.all_asked: list[int] = []  # about all topics
        self.old = False
        self.connection = Connection()
        self._conns = {(FROZEN, ConnectionGroup.DEFAULT): self.connection}
        self.answer: asyncio.Future[asyncio.Future[None]] = asyncio.get_running_loop().create_future()

    def create_batch(self) -> Any:
        return self

    def append(self, **_record: Any) -> bool:
        return True

    async def send_batch(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        return await self.answer

    async def send(self, broker: int, request: object) -> Answer:
        if isinstance(request, DescribeTopicsRequest):
            self.asked.append(broker)
            if self.old:
                raise errors.IncompatibleBrokerVersion
        else:
            self.all_asked.append(broker)
        if broker == DOWN:
            raise errors.NodeNotReadyError
        return self.told


@pytest.fixture
async def generation() -> Generation:
    return Generation(KafkaOptions("nowhere:9092"), client=Client)


async def write(generation: Generation) -> tuple[Client, asyncio.Task[int]]:
    client: Any = generation._producer
    writing = asyncio.create_task(generation.write(*PARTITION, generation.encode(make_batch("plant", 0, [b"1"])), 100))
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


async def test_brokers_too_old_to_be_asked_about_a_topic_are_asked_about_all(generation: Generation) -> None:
    client, writing = await write(generation)
    client.told = Answer(ALIVE)
    client.old = True
    await generation.follow_leaders([PARTITION])
    assert client.all_asked == [DOWN, ALIVE]
    assert len(client.connection.reasons) == 1
    await end(client, writing)


async def test_a_partition_without_a_leader_waits_for_one(generation: Generation) -> None:
    client, writing = await write(generation)
    client.told = Answer(-1)
    await generation.follow_leaders([PARTITION])
    assert client.connection.reasons == []
    await end(client, writing)


async def test_a_batch_that_has_been_answered_meanwhile_needs_nothing(generation: Generation) -> None:
    client, writing = await write(generation)
    await end(client, writing)
    await generation.follow_leaders([PARTITION])
    assert client.asked == []
