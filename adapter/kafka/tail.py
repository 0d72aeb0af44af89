"""Reads records as they reach Kafka, from all partitions of the topics that match, new topics included."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from adapter.kafka.failures import translate

if TYPE_CHECKING:
    from adapter.kafka.options import KafkaOptions

LOOK_FOR_TOPICS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TailFilter:
    """Which records are wanted: all of the given conditions hold."""

    topics: re.Pattern[str]
    partition: int | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    def wants(self, record: TailRecord) -> bool:
        """Whether key and headers are as wanted."""
        return (self.key is None or record.key == self.key) and all(pair in record.headers for pair in self.headers)


@dataclass(frozen=True, slots=True)
class TailRecord:
    """A record as it stands in Kafka; `timestamp` in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


async def tail(
    options: KafkaOptions, wanted: TailFilter, *, from_beginning: bool = False, limit: int | None = None
) -> AsyncIterator[TailRecord]:
    """Yield records, from now on or from the oldest, until `limit` of them. Raises KafkaError when Kafka cannot be read.

    Follows nobody's consumer group, commits nothing; reads committed records only.
    """
    consumer = AIOKafkaConsumer(
        **options.connection(), group_id=None, enable_auto_commit=False, isolation_level="read_committed"
    )
    # The consumer knows the topics it reads; a client of its own is asked which others there are.
    client = AIOKafkaClient(**options.connection())
    try:
        await consumer.start()
        await client.bootstrap()
        reader = _Reader(consumer, client, wanted)
        await reader.assign(from_beginning=from_beginning)
        left = limit
        while left is None or left > 0:
            for record in await reader.next():
                if wanted.wants(record):
                    yield record
                    left = None if left is None else left - 1
                    if left == 0:
                        break
    except (GeneratorExit, asyncio.CancelledError):
        raise
    except Exception as error:
        raise translate(error) from error
    finally:
        await client.close()
        await consumer.stop()


class _Reader:
    """Polls a consumer whose partitions grow with the topics."""

    def __init__(self, consumer: AIOKafkaConsumer, client: AIOKafkaClient, wanted: TailFilter) -> None:
        self._consumer = consumer
        self._client = client
        self._wanted = wanted
        self._assigned: set[TopicPartition] = set()
        self._look_at = 0.0

    async def assign(self, *, from_beginning: bool) -> None:
        """Take over partitions that are not read yet. Those that appear later are read from their beginning."""
        consumer = self._consumer
        cluster = await self._client.fetch_all_metadata()
        found = {
            TopicPartition(name, partition)
            for name in cluster.topics()
            if self._wanted.topics.search(name)
            for partition in cluster.partitions_for_topic(name) or ()
            if self._wanted.partition in (None, partition)
        }
        new = found - self._assigned
        if new:
            positions = {place: await consumer.position(place) for place in self._assigned}
            consumer.assign(list(self._assigned | new))
            for place, offset in positions.items():
                consumer.seek(place, offset)
            await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*new)
            if not from_beginning:
                for place in new:  # "from now" is now, not when the first poll comes to it
                    await consumer.position(place)
            self._assigned |= new
        self._look_at = asyncio.get_running_loop().time() + LOOK_FOR_TOPICS_SECONDS

    async def next(self) -> list[TailRecord]:
        """What has come, waiting about a second for it; in order of time as far as one poll can tell."""
        if asyncio.get_running_loop().time() >= self._look_at:
            await self.assign(from_beginning=True)
        if not self._assigned:
            await asyncio.sleep(LOOK_FOR_TOPICS_SECONDS)
            return []
        batches = await self._consumer.getmany(timeout_ms=int(LOOK_FOR_TOPICS_SECONDS * 1000))
        records = [
            TailRecord(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, tuple(raw.headers), raw.value)
            for batch in batches.values()
            for raw in batch
        ]
        return sorted(records, key=lambda record: record.timestamp)
