"""Reads one topic from now on, and tells what it ends with: for a proof that records were there at a certain moment."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, errors

from adapter.errors import KafkaError, RejectedError, TransientKafkaError
from adapter.kafka.diagnosis import why_unreachable
from adapter.kafka.failures import translate
from adapter.kafka.tail import Reader, TailFilter

if TYPE_CHECKING:
    from adapter.kafka.options import KafkaOptions
    from adapter.kafka.tail import TailRecord


class TopicWatch:
    """A reader of committed records of one topic, of nobody's consumer group. Creates no topic.

    Its methods raise TransientKafkaError while Kafka cannot be asked.
    """

    def __init__(self, options: KafkaOptions, topic: str) -> None:
        self._connection = options.connection()
        self._topic = topic
        # Two, because a broker answers the requests of one connection in turn: a question would wait for a fetch.
        self._consumer, self._asker = (
            AIOKafkaConsumer(
                **self._connection, group_id=None, enable_auto_commit=False, isolation_level="read_committed"
            )
            for _ in range(2)
        )
        self._reader = Reader(self._consumer, TailFilter(re.compile(f"^{re.escape(topic)}$")))

    async def start(self) -> None:
        """Begin at the topic's end. Raises RejectedError if there is no such topic."""
        try:
            await self._consumer.start()
            await self._asker.start()
            await self._reader.assign(from_beginning=False)
        except errors.KafkaConnectionError as error:
            reason = await why_unreachable(self._consumer._client, self._connection)  # noqa: SLF001 - as in `tail`
            raise TransientKafkaError(reason or str(translate(error))) from error
        except KafkaError:
            raise
        except Exception as error:
            raise translate(error) from error
        if not self._reader.assigned:
            raise RejectedError(f"there is no topic {self._topic}")

    async def stop(self) -> None:
        """Leave."""
        for consumer in (self._consumer, self._asker):
            try:
                await consumer.stop()
            except asyncio.CancelledError:  # its fetcher's, which it cancels; comes out while a broker is away
                await consumer._client.close()  # noqa: SLF001 - what it did not come to

    async def next(self) -> list[TailRecord]:
        """Wait about a second for records."""
        try:
            return await self._reader.next()
        except Exception as error:
            raise translate(error) from error

    async def ends(self) -> dict[int, int]:
        """Partition → the offset behind its last record that can be read, as its leader says now."""
        try:
            ends = await self._asker.end_offsets(list(self._reader.assigned))
        except Exception as error:
            raise translate(error) from error
        return {place.partition: offset for place, offset in ends.items()}
