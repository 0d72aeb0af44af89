"""Reads records as they reach Kafka, from all partitions of the topics that match, new topics included."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.structs import TopicPartition

from adapter.errors import KafkaError, TransientKafkaError
from adapter.kafka.diagnosis import why_unreachable
from adapter.kafka.failures import translate

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncGenerator

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
) -> AsyncGenerator[TailRecord, None]:
    """Yield records, from now on or from the oldest, until `limit` of them. Raises KafkaError if Kafka cannot be read.

    Follows nobody's consumer group, commits nothing; reads committed records only. Creates no topic.
    """
    connection = options.connection()
    consumer = AIOKafkaConsumer(**connection, group_id=None, enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        reader = Reader(consumer, wanted)
        await reader.assign(from_beginning=from_beginning)
        left = limit
        while left is None or left > 0:
            for record in await reader.next():
                if wanted.wants(record):
                    yield record
                    left = None if left is None else left - 1
                    if left == 0:
                        break
    except KafkaError:
        raise
    except errors.KafkaConnectionError as error:
        reason = await why_unreachable(consumer._client, connection)  # noqa: SLF001 - see `Reader`
        raise TransientKafkaError(reason or str(translate(error))) from error
    except Exception as error:
        raise translate(error) from error
    finally:
        await consumer.stop()


class Reader:
    """Polls a consumer whose partitions grow with the topics."""

    def __init__(self, consumer: AIOKafkaConsumer, wanted: TailFilter) -> None:
        self._consumer = consumer
        # A consumer keeps its client to itself, and has it ask about the topics by name that it reads: on a broker with
        # `auto.create.topics.enable` that makes a deleted one anew. So the client is told to ask about all topics.
        self._client = consumer._client  # noqa: SLF001 - see above
        self._wanted = wanted
        self._assigned: set[TopicPartition] = set()
        self._there_at_first: set[TopicPartition] = set()
        self._look_at = 0.0

    async def assign(self, *, from_beginning: bool) -> None:
        """Take over what there is, from its end or its beginning."""
        await self._look()
        if not from_beginning:
            self._there_at_first = self._matching(led=False)
        await self._take_over(self._matching())

    @property
    def assigned(self) -> set[TopicPartition]:
        """The partitions that are read."""
        return self._assigned

    async def next(self) -> list[TailRecord]:
        """Wait about a second for records; they are in order of time as far as one poll can tell."""
        if asyncio.get_running_loop().time() >= self._look_at:
            # While Kafka is away the consumer tries again by itself; so does this.
            with contextlib.suppress(TransientKafkaError):
                await self._look()
                await self._take_over(self._matching())
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

    async def _look(self) -> None:
        """Ask Kafka about all topics."""
        self._client.set_topics(())
        if not await self._client.force_metadata_update():
            raise TransientKafkaError("no broker can be reached")
        self._look_at = asyncio.get_running_loop().time() + LOOK_FOR_TOPICS_SECONDS

    def _matching(self, *, led: bool = True) -> set[TopicPartition]:
        """Find the partitions that are wanted; with `led`, those that can be read now."""
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
        """Read what is present and no longer what is not. What was not there at first is read from its beginning."""
        if present == self._assigned:
            return
        consumer = self._consumer
        positions = {place: await consumer.position(place) for place in self._assigned & present}
        new = present - self._assigned
        at_end = new & self._there_at_first
        positions |= await consumer.beginning_offsets(list(new - at_end)) if new - at_end else {}
        positions |= await consumer.end_offsets(list(at_end)) if at_end else {}
        self._there_at_first -= at_end
        consumer.assign(list(present))
        self._client.set_topics(())
        for place, offset in positions.items():
            consumer.seek(place, offset)
        self._assigned = present
