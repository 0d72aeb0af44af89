"""Reads records as they reach Kafka, from all partitions of matching topics, including new topics."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from adapter.errors import TransientKafkaError
from adapter.kafka.aiokafka_internals import client_of
from adapter.kafka.failures import translated

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncGenerator

    from adapter.kafka.options import KafkaOptions

LOOK_FOR_TOPICS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TailFilter:
    """Selects records that meet all given conditions."""

    topics: re.Pattern[str]
    partition: int | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    def wants(self, record: TailRecord) -> bool:
        """Whether key and headers match."""
        return (self.key is None or record.key == self.key) and all(pair in record.headers for pair in self.headers)


@dataclass(frozen=True, slots=True)
class TailRecord:
    """A record in Kafka; `timestamp` in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


async def tail(
    options: KafkaOptions, wanted: TailFilter, *, from_beginning: bool = False, limit: int | None = None
) -> AsyncGenerator[TailRecord, None]:
    """Yield up to `limit` records, from now on or from the oldest. Raises KafkaError if Kafka cannot be read.

    Joins no consumer group, commits no offsets, reads only committed records, and creates no topic.
    """
    connection = options.connection()
    consumer = AIOKafkaConsumer(**connection, group_id=None, enable_auto_commit=False, isolation_level="read_committed")
    client = client_of(consumer)
    try:
        reader = Reader(consumer, wanted)
        async with translated(client, connection):
            await consumer.start()
            await reader.assign(from_beginning=from_beginning)
        left = limit
        while left is None or left > 0:
            async with translated(client, connection):
                records = await reader.next()
            for record in records:
                if wanted.wants(record):
                    yield record
                    left = None if left is None else left - 1
                    if left == 0:
                        break
    finally:
        await consumer.stop()


class Reader:
    """Polls a consumer, and assigns it new partitions as topics appear."""

    def __init__(self, consumer: AIOKafkaConsumer, wanted: TailFilter) -> None:
        self._consumer = consumer
        # A consumer makes its client request metadata of its topics by name. With `auto.create.topics.enable` that
        # recreates a deleted topic. So the client, which is private to the consumer, is told to ask about all topics.
        self._client = client_of(consumer)
        self._wanted = wanted
        self._assigned: set[TopicPartition] = set()
        self._there_at_first: set[TopicPartition] = set()
        self._reached: dict[TopicPartition, int] = {}  # the next offset of every partition that was ever assigned
        self._look_at = 0.0

    async def assign(self, *, from_beginning: bool) -> None:
        """Start to read the existing partitions, from their ends or their beginnings."""
        await self._look()
        if not from_beginning:
            self._there_at_first = self._matching(led=False)
        await self._take_over(self._matching())

    @property
    def assigned(self) -> set[TopicPartition]:
        """The partitions that are being read."""
        return self._assigned

    async def next(self) -> list[TailRecord]:
        """Wait about a second for records; those of one partition are in order of their offsets."""
        if asyncio.get_running_loop().time() >= self._look_at:
            # Like the consumer itself, try again later while Kafka is unavailable.
            with contextlib.suppress(TransientKafkaError):
                await self._look()
                # One that has lost its leader is kept, with its position.
                await self._take_over(self._matching() | (self._assigned & self._matching(led=False)))
        if not self._assigned:
            await asyncio.sleep(LOOK_FOR_TOPICS_SECONDS)
            return []
        batches = await self._consumer.getmany(timeout_ms=int(LOOK_FOR_TOPICS_SECONDS * 1000))
        self._reached |= {place: batch[-1].offset + 1 for place, batch in batches.items() if batch}
        partitions = (
            [
                TailRecord(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, tuple(raw.headers), raw.value)
                for raw in batch
            ]
            for batch in batches.values()
        )
        # By time, as far as that keeps the order within each partition, where time may go back.
        return list(heapq.merge(*partitions, key=lambda record: record.timestamp))

    async def _look(self) -> None:
        """Ask Kafka about all topics."""
        self._client.set_topics(())
        if not await self._client.force_metadata_update():
            raise TransientKafkaError("no broker can be reached")
        self._look_at = asyncio.get_running_loop().time() + LOOK_FOR_TOPICS_SECONDS

    def _matching(self, *, led: bool = True) -> set[TopicPartition]:
        """Find the selected partitions; with `led`, only those that have a leader."""
        cluster = self._client.cluster
        partitions = cluster.available_partitions_for_topic if led else cluster.partitions_for_topic
        return {
            TopicPartition(topic, partition)
            for topic in cluster.topics()
            if self._wanted.topics.search(topic)
            for partition in partitions(topic) or ()
            if self._wanted.partition in (None, partition)
        }

    async def _take_over(self, present: set[TopicPartition]) -> None:
        """Assign exactly the partitions that are `present`."""
        if present == self._assigned:
            return
        consumer = self._consumer
        positions = {place: await consumer.position(place) for place in self._assigned & present}
        new = present - self._assigned
        positions |= await self._starts(new)
        self._there_at_first -= new
        self._reached |= positions
        consumer.assign(list(present))
        self._client.set_topics(())
        for place, offset in positions.items():
            consumer.seek(place, offset)
        self._assigned = present

    async def _starts(self, new: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Find where to begin to read: at the end, at the beginning, or where reading stopped.

        A broker that has just started may not know a topic yet, so a partition can be gone for a moment only. If its
        offsets do not reach where reading stopped, its topic was created again.
        """
        at_end = new & self._there_at_first
        back = new & self._reached.keys()
        begins = await self._consumer.beginning_offsets(list(new - at_end)) if new - at_end else {}
        ends = await self._consumer.end_offsets(list(at_end | back)) if at_end | back else {}
        starts = begins | {place: ends[place] for place in at_end}
        for place in back:
            if begins[place] <= self._reached[place] <= ends[place]:
                starts[place] = self._reached[place]
        return starts
