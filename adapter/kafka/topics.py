"""Which topics there are, and how many partitions they have. Creates none (but for the embedded broker)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from adapter.errors import TransientKafkaError
from adapter.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from adapter.kafka.limits import Limits

log = structlog.get_logger(__name__)

# A device that publishes to topics that do not exist must not make Kafka answer about all of them each time. Seconds.
ASK_AGAIN = 1.0
# A broker that has just started, or a topic that has just been made, may not be in the first answer. Nor is a topic
# gone because one answer lacks it.
LOOKS = 2


class Metadata(Protocol):
    """The producer, as topics see it."""

    def partitions(self, topic: str) -> int | None:
        """As far as is known."""

    async def refresh_metadata(self) -> None:
        """Ask Kafka; raises TransientKafkaError."""


class Topics:
    """Remembers the partition counts that were asked for, and tells when one changes.

    `on_partition_count_changed` gets topic, old and new count; the new one is 0 when the topic is gone. `create`, given
    for the embedded broker only, makes a topic that is missing. `refresh_interval` is in seconds. With `limits`,
    Kafka is asked how large a topic's batches may be before the topic is known, and again at each refresh.
    """

    def __init__(
        self,
        metadata: Metadata,
        refresh_interval: float,
        on_partition_count_changed: Callable[[str, int, int], None],
        create: Callable[[str], Awaitable[None]] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._metadata = metadata
        self._interval = refresh_interval
        self._changed = on_partition_count_changed
        self._create = create
        self._limits = limits
        self._new: set[str] = set()
        self._learning: asyncio.Task[None] | None = None
        self._counts: dict[str, int] = {}
        self._missed: dict[str, int] = {}  # known topics: how many answers in a row lacked them
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self._tasks = Tasks(_log_fault)

    async def start(self) -> None:
        """Begin to look at Kafka's topics every now and then."""
        self._tasks.spawn(self._refresh_periodically())

    async def stop(self) -> None:
        """End it."""
        await self._tasks.stop()

    def partition_count(self, topic: str) -> int | None:
        """How many partitions a topic has; None when it is not known, or there is no such topic."""
        count = self._counts.get(topic)
        if count is None:
            count = self._metadata.partitions(topic)
            if count is not None:
                if self._limits is not None:
                    self._learn({topic})
                    return None
                self._counts[topic] = count
        return count

    async def find(self, topic: str) -> int | None:
        """Do the same, and ask Kafka itself if need be. Raises TransientKafkaError when it cannot be asked."""
        count = self.partition_count(topic)
        if count is None and self._create is not None:
            await self._create(topic)
        for _ in range(LOOKS):
            if count is None:
                if self._metadata.partitions(topic) is None:
                    await self.refresh()
                count = self.partition_count(topic)
                if count is None and self._learning is not None:
                    await asyncio.shield(self._learning)
                    count = self.partition_count(topic)
        return count

    def _learn(self, topics: Iterable[str]) -> None:
        self._new.update(topics)
        if self._learning is None and self._new:
            self._learning = self._tasks.spawn(self._learn_limits())

    async def _learn_limits(self) -> None:
        assert self._limits is not None
        try:
            while self._new:  # what has come while others were asked about
                topics, self._new = self._new, set()
                await self._limits.learn(topics)
                for topic in topics:
                    count = self._metadata.partitions(topic)
                    if count is not None:
                        self._counts.setdefault(topic, count)
        finally:
            self._learning = None

    async def refresh(self) -> None:
        """Ask Kafka, now or when it may be asked again: one question for all who wait. Raises TransientKafkaError.

        The question is put after the call, so what existed before the call is found.
        """
        if self._next is None:
            self._next = self._tasks.spawn(self._ask())
        await asyncio.shield(self._next)

    async def _ask(self) -> None:
        async with self._asking:
            await asyncio.sleep(max(0.0, self._asked + ASK_AGAIN - asyncio.get_running_loop().time()))
            self._next = None  # who comes from now on waits for the next answer
            try:
                await self._metadata.refresh_metadata()
            finally:
                self._asked = asyncio.get_running_loop().time()
            self._compare()
            if self._limits is not None:
                self._learn(self._counts)

    def _compare(self) -> None:
        for topic, old in list(self._counts.items()):
            new = self._metadata.partitions(topic)
            if new is None:
                self._missed[topic] = self._missed.get(topic, 0) + 1
                if self._missed[topic] < LOOKS:
                    continue
            self._missed.pop(topic, None)
            if new is None:
                del self._counts[topic]
            else:
                self._counts[topic] = new
            if new != old:
                self._changed(topic, old, new or 0)

    async def _refresh_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            with suppress(Exception):  # whatever it is, the next look may go well; `_log_fault` has seen it
                await self.refresh()


def _log_fault(fault: BaseException) -> None:
    if not isinstance(fault, TransientKafkaError):  # the producer knows of these, and says so
        log.error("a look at Kafka's topics failed", exc_info=fault)
