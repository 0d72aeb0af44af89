"""Reads one topic from now on and reports its end offsets, to prove that records were there at a certain moment."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer

from adapter.errors import RejectedError
from adapter.kafka.aiokafka_internals import client_of
from adapter.kafka.failures import translated
from adapter.kafka.tail import Reader, TailFilter

if TYPE_CHECKING:
    from adapter.kafka.options import KafkaOptions
    from adapter.kafka.tail import TailRecord


class TopicWatch:
    """Reads the committed records of one topic, without a consumer group. Creates no topic.

    Its methods raise TransientKafkaError while Kafka cannot be reached.
    """

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        self._connection = options.connection()
        self._topic = topic
        # Two, because a broker answers the requests of a connection in order: others would wait for a fetch.
        self._consumer, self._asker = (
            AIOKafkaConsumer(
                **self._connection, group_id=None, enable_auto_commit=False, isolation_level="read_committed"
            )
            for _ in range(2)
        )
        self._reader = Reader(self._consumer, TailFilter(re.compile(f"^{re.escape(topic)}$")))

    async def start(self) -> None:
        """Begin at the topic's end. Raises RejectedError if there is no such topic."""
        async with translated(client_of(self._consumer), self._connection):
            await self._consumer.start()
            await self._asker.start()
            await self._reader.assign(from_beginning=False)
        if not self._reader.assigned:
            raise RejectedError(f"there is no topic {self._topic}")

    async def stop(self) -> None:
        """Close both consumers."""
        for consumer in (self._consumer, self._asker):
            try:
                await consumer.stop()
            except asyncio.CancelledError:  # leaks from the fetcher, which `stop` cancels, while a broker is away
                await client_of(consumer).close()  # `stop` did not get to it

    async def next(self) -> list[TailRecord]:
        """Wait about a second for records."""
        async with translated():
            return await self._reader.next()

    async def ends(self) -> dict[int, int]:
        """Return partition → end offset of the readable records, as its leader reports it now."""
        async with translated():
            ends = await self._asker.end_offsets(list(self._reader.assigned))
        return {place.partition: offset for place, offset in ends.items()}
