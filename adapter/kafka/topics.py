"""Which topics there are, and how many partitions they have. Creates none (but for the embedded broker)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from adapter.errors import TransientKafkaError

# A device that publishes to topics that do not exist must not make Kafka answer about all of them each time. Seconds.
ASK_AGAIN = 1.0
# A broker that has just started, or a topic that has just been made, may not be in the first answer.
LOOKS = 2


class Metadata(Protocol):
    """The producer, as topics see it."""

    def partitions(self, topic: str) -> int | None:
        """As far as is known."""

    async def refresh_metadata(self) -> None:
        """Ask Kafka; raises TransientKafkaError."""


class Topics:
    """Remembers the partition counts that were asked for, and tells when one changes.

    `create`, given for the embedded broker only, makes a topic that is missing.
    """

    def __init__(
        self,
        metadata: Metadata,
        refresh_interval: float,
        on_partition_count_changed: Callable[[str, int, int], None],
        create: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._metadata = metadata
        self._interval = refresh_interval
        self._changed = on_partition_count_changed
        self._create = create
        self._counts: dict[str, int] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed = float("-inf")
        self._periodic: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look at Kafka's topics every now and then."""
        self._periodic = asyncio.get_running_loop().create_task(self._refresh_periodically())

    async def stop(self) -> None:
        """End it."""
        tasks = [task for task in (self._periodic, self._refreshing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def partition_count(self, topic: str) -> int | None:
        """How many partitions a topic has; None when it is not known, or there is no such topic."""
        count = self._counts.get(topic)
        if count is None:
            count = self._metadata.partitions(topic)
            if count is not None:
                self._counts[topic] = count
        return count

    async def find(self, topic: str) -> int | None:
        """The same, from Kafka itself if need be. Raises TransientKafkaError when it cannot be asked."""
        count = self.partition_count(topic)
        if count is None and self._create is not None:
            await self._create(topic)
        for _ in range(LOOKS):
            if count is None:
                await self._refresh()
                count = self.partition_count(topic)
        return count

    async def _refresh(self) -> None:
        """Ask once for all who want to know at the moment."""
        if self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._ask())
        await asyncio.shield(self._refreshing)

    async def _ask(self) -> None:
        try:
            await asyncio.sleep(max(0.0, self._refreshed + ASK_AGAIN - time.monotonic()))
            await self._metadata.refresh_metadata()
            self._refreshed = time.monotonic()
            for topic, old in list(self._counts.items()):
                new = self._metadata.partitions(topic)
                if new is None:
                    del self._counts[topic]
                elif new != old:
                    self._counts[topic] = new
                    self._changed(topic, old, new)
        finally:
            self._refreshing = None

    async def _refresh_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._refresh()
            except TransientKafkaError:
                continue  # the producer knows, and says so
