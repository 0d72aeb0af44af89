"""Tracks which topics exist and how many partitions they have. Creates none, except on the embedded broker."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import structlog

from adapter.errors import BlockedError, TransientKafkaError
from adapter.kafka.questions import Standing
from adapter.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from adapter.kafka.limits import Limits

log = structlog.get_logger(__name__)

# Seconds. A device that publishes to missing topics must not make Kafka report all topics each time.
ASK_AGAIN = 1.0
# A topic that was just created may be missing from the first answer, as may all topics of a broker that just started.
# So a single answer without a topic, or with fewer partitions, proves nothing.
LOOKS = 2


class Metadata(Protocol):
    """The part of the producer that is needed here."""

    def partitions(self, topic: str) -> int | None:
        """Return the number of partitions, as far as known; None if there is no such topic."""

    async def refresh_metadata(self) -> None:
        """Ask Kafka for the metadata of all topics. Raises TransientKafkaError."""

    async def standings(self, topics: Collection[str]) -> Mapping[str, Standing]:
        """Ask Kafka about these topics by name. Those that it does not tell of are left out. Costs little.

        Raises TransientKafkaError.
        """


class _Question:
    """A question to Kafka that all share who ask before it is sent, and what it found."""

    __slots__ = ("about_all", "hidden", "task", "topics")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.topics: set[str] = set()
        self.about_all = False
        self.hidden: Collection[str] = ()  # those among `topics` that the adapter may not describe


class Topics:
    """Remembers the partition counts that were asked for, and reports when one changes.

    `on_partition_count_changed` gets topic, old and new count; the new one is 0 if the topic is gone. A topic is not
    gone when the adapter may not describe it any more, because the right to write to it has been taken away: until that
    is given back, the topic stays as it was, and what is for it waits. `create`, given only for the embedded broker,
    creates a missing topic. `refresh_interval` is in seconds. With `limits`, Kafka is asked for a topic's largest batch
    before the topic becomes known, and again at each refresh.
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
        self._missed: dict[str, int] = {}  # known topics: how many answers in a row lacked them, or partitions of them
        self._hidden: frozenset[str] = frozenset()  # known topics that the adapter may not describe any more
        self._asked = float("-inf")
        self._asking = asyncio.Lock()
        self._next: _Question | None = None  # not sent yet
        self._tasks = Tasks(_log_fault)

    async def start(self) -> None:
        """Start to refresh the topics periodically."""
        self._tasks.spawn(self._refresh_periodically())

    async def stop(self) -> None:
        """Stop the periodic refresh."""
        await self._tasks.stop()

    def partition_count(self, topic: str) -> int | None:
        """Return the number of partitions of a topic; None if it is not known, or there is no such topic."""
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
        """Do the same, but ask Kafka if necessary.

        Raises TransientKafkaError if it cannot be reached, and BlockedError if it does not tell for want of a right.
        """
        count = self.partition_count(topic)
        if count is None and self._create is not None:
            await self._create(topic)
        for _ in range(LOOKS):
            if count is None:
                hidden: Collection[str] = ()
                if self._metadata.partitions(topic) is None:
                    question = self._question()
                    question.topics.add(topic)
                    await asyncio.shield(question.task)
                    hidden = question.hidden
                count = self.partition_count(topic)
                if topic in hidden and count is None:
                    raise BlockedError(f"the adapter may not describe the Kafka topic {topic}")
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
            while self._new:  # more topics may come during the request
                topics, self._new = self._new, set()
                await self._limits.learn(topics)
                for topic in topics:
                    count = self._metadata.partitions(topic)
                    if count is not None:
                        self._counts.setdefault(topic, count)
        finally:
            self._learning = None

    async def refresh(self) -> None:
        """Ask Kafka, now or when it may be asked again, once for all callers that wait. Raises TransientKafkaError.

        The request is sent after the call, so it finds every topic that existed before the call.
        """
        question = self._question()
        question.about_all = True
        await asyncio.shield(question.task)

    def _question(self) -> _Question:
        if self._next is None:
            self._next = _Question(self._tasks.spawn(self._ask()))
        return self._next

    async def _ask(self) -> None:
        async with self._asking:
            await asyncio.sleep(max(0.0, self._asked + ASK_AGAIN - _now()))
            question, self._next = self._next, None  # later callers wait for the next answer
            assert question is not None, "whoever asks has made it"
            try:
                # An answer about thousands of topics takes long to read, and whoever asks for one that is missing
                # must not be able to cause it again and again.
                if not (await self._may_exist(question) or question.about_all):
                    return
                await self._metadata.refresh_metadata()
                untold = await self._untold()
            finally:
                self._asked = _now()
            self._compare(untold)
            if self._limits is not None:
                self._learn(self._counts)

    async def _may_exist(self, question: _Question) -> bool:
        """Whether any topic of the question exists, or Kafka does not tell by name; notes which are hidden."""
        told: Mapping[str, Standing] = {}
        if question.topics:
            with suppress(TransientKafkaError):
                told = await self._metadata.standings(question.topics)
        question.hidden = [topic for topic, standing in told.items() if standing is Standing.HIDDEN]
        return any(told.get(topic, Standing.THERE) is Standing.THERE for topic in question.topics)

    async def _untold(self) -> Collection[str]:
        """Known topics that are missing from the metadata because of a right, or that Kafka could not be asked about.

        The metadata of all topics leaves out what may not be described, as if it did not exist.
        """
        lacking = [topic for topic in self._counts if self._metadata.partitions(topic) is None]
        told: Mapping[str, Standing] = {}
        if lacking:
            try:
                told = await self._metadata.standings(lacking)
            except TransientKafkaError:
                return lacking
        hidden = frozenset(topic for topic, standing in told.items() if standing is Standing.HIDDEN)
        lost = hidden - self._hidden
        if lost:
            log.warning(
                "Kafka topic may not be described any more; grant Describe and Write",
                kafka_topic=min(lost),
                topics=len(lost),
            )
        self._hidden = hidden
        return hidden

    def _compare(self, untold: Collection[str]) -> None:
        for topic, old in list(self._counts.items()):
            new = self._metadata.partitions(topic) or 0
            if not new and topic in untold:
                continue
            if new < old:
                self._missed[topic] = self._missed.get(topic, 0) + 1
                if self._missed[topic] < LOOKS:
                    continue
            self._missed.pop(topic, None)
            if new:
                self._counts[topic] = new
            else:
                del self._counts[topic]
            if new != old:
                self._changed(topic, old, new)

    async def _refresh_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            with suppress(Exception):  # `_log_fault` has logged it, and the next refresh may succeed
                await self.refresh()


def _now() -> float:
    """Monotonic seconds, as the event loop counts them."""
    return asyncio.get_running_loop().time()


def _log_fault(fault: BaseException) -> None:
    if not isinstance(fault, TransientKafkaError):  # the producer reports these itself
        log.error("refreshing Kafka's topics failed", exc_info=fault)
