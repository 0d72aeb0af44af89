"""Writes batches to Kafka, and replaces the aiokafka producer when it becomes unusable.

A `Generation` is one aiokafka producer. The current one is replaced if a batch arrives for a spent partition, if it is
dead, or if it finds no broker any more. No batch is lost or overtaken, because the caller has at most one batch of a
partition here, and that batch is in one place:

    in flight    at its generation, until that answers. A replaced generation gets no new batches and answers those it
                 has; after `grace` seconds it is halted, and the remaining batches are reported as lost
    parked       the current generation cannot write to its partition, and the next one is not connected yet

Other partitions continue meanwhile: a record that Kafka rejects does not delay records of other partitions.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaProducer

from adapter.errors import (
    KafkaError,
    ProducerLostError,
    RejectedError,
    TimestampError,
    TooLargeError,
    TransientKafkaError,
)
from adapter.kafka.bootstrap import find_server
from adapter.kafka.clock import Clock
from adapter.kafka.connecting import Connecting, FindServer
from adapter.kafka.generation import MAX_RECORDS, Generation
from adapter.kafka.health import Health
from adapter.kafka.sizes import Sizes
from adapter.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from adapter.kafka.in_flight_bytes import Partition
    from adapter.kafka.options import KafkaOptions
    from adapter.kafka.questions import Standing
    from adapter.runs import Batch

    Done = Callable[[Batch, KafkaError | None], None]

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 10.0  # for metadata: brokers answer in milliseconds, or are unavailable
LIMITS_SECONDS = 2.0  # for a topic's largest batch size: devices may wait for it, and it is optional
CLOSE_SECONDS = 5.0
WATCH_SECONDS = 1.0
PROBE_SECONDS = 10.0  # after so long without a good answer, idle or not, Kafka is probed
PROBE_AGAIN_SECONDS = 2.0
BOOTSTRAP_SECONDS = 30.0  # after so long without any broker, the bootstrap servers are tried: addresses may change
SLOW_ANSWER_SECONDS = 2.0  # after so long without an answer, a batch's partition may have a new leader
UNANSWERED_TIMEOUTS = 4  # after so many request timeouts, a producer that does not answer is replaced


class _Waiting:
    """An unanswered batch. `since` is its arrival here, in seconds on a monotonic clock."""

    __slots__ = ("batch", "done", "since")

    def __init__(self, batch: Batch, done: Done, since: float) -> None:
        self.batch = batch
        self.done = done
        self.since = since


class Producer:
    """Writes batches to Kafka. `replacements` counts the generations after the first.

    `grace` is in seconds and defaults to the request timeout. For `max_records`, `client` and `find_server` see
    `Connecting`.
    """

    def __init__(
        self,
        options: KafkaOptions,
        *,
        grace: float | None = None,
        max_records: int = MAX_RECORDS,
        client: Callable[..., Any] = AIOKafkaProducer,
        find_server: FindServer = find_server,
    ) -> None:
        self._request_timeout = options.request_timeout_ms / 1000
        self._grace = self._request_timeout if grace is None else grace
        self._health = Health()
        self._connecting = Connecting(
            options, self._health, max_records=max_records, client=client, find_server=find_server
        )
        self._sizes = Sizes(compressed=options.compression_type is not None)
        self._clock = Clock()
        self._current: Generation | None = None
        self._retired: dict[Generation, asyncio.TimerHandle] = {}  # and what halts them
        self._flights: dict[Partition, _Waiting] = {}
        self._parked: dict[Partition, _Waiting] = {}  # the oldest first
        self._background = Tasks(_log_fault)
        self._deliveries = Tasks(_log_fault)
        self._closings = Tasks(_log_fault)
        self._probing: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._probed = float("-inf")
        self._stopped = False
        self.replacements = 0

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises TransientKafkaError while that fails, ConfigurationError for an unusable certificate."""
        self._current = await self._connecting.connect()
        self._background.spawn(self._watch())

    async def stop(self, limit: float) -> None:
        """Close within about `limit` seconds. Batches without an answer by then are reported as lost."""
        self._stopped = True
        deadline = _now() + limit
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=limit)
        await self._background.stop()
        parked, self._parked = self._parked, {}
        for waiting in parked.values():
            waiting.done(waiting.batch, ProducerLostError("the producer was stopped before the batch was sent"))
        current, self._current = self._current, None
        for generation in (current, *list(self._retired)):
            if generation is not None:
                if generation.batches:
                    generation.halt()
                self._close_later(generation)
        if self._deliveries:
            await asyncio.wait(self._deliveries)  # halted generations answer at once
        if self._closings:
            await asyncio.wait(self._closings, timeout=max(CLOSE_SECONDS, deadline - _now()))

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def problem(self) -> str | None:
        """Why Kafka cannot be written to, as far as known; None if it can."""
        if self._stopped:
            return "stopped"
        return self._health.problem(_now(), self._oldest())

    def _oldest(self) -> float | None:
        """When the oldest batch was parked or given to aiokafka; batches that wait for others do not count."""
        given = [generation.oldest for generation in (self._current, *self._retired) if generation is not None]
        parked = next((waiting.since for waiting in self._parked.values()), None)
        return min((since for since in (parked, *given) if since is not None), default=None)

    @property
    def ready(self) -> bool:
        """Whether Kafka can be written to."""
        return self.problem is None

    async def _watch(self) -> None:
        """Notice, also without traffic, that Kafka has gone or returned, and that it does not answer batches."""
        while True:
            try:
                self._look()
            except Exception:
                log.exception("checking the Kafka producer failed")  # the next check may succeed
            await asyncio.sleep(WATCH_SECONDS)

    def _look(self) -> None:
        if self._stopped:
            return
        problem = self.problem
        self._health.log_change(problem)
        now = _now()
        silent = now - self._health.reached
        pause = PROBE_SECONDS if problem is None else PROBE_AGAIN_SECONDS
        if self._probing is None and min(silent, now - self._probed) > pause:
            self._probed = now
            self._probing = self._background.spawn(self._probe())
        if silent > BOOTSTRAP_SECONDS:
            self._replace("no known broker can be reached")
        current = self._current
        if current is None or current.oldest is None:
            return
        waited = now - current.oldest
        if waited > SLOW_ANSWER_SECONDS and (self._following is None or self._following.done()):
            slow = current.given_before(now - SLOW_ANSWER_SECONDS)
            self._following = self._background.spawn(current.follow_leaders(slow))
        if waited > UNANSWERED_TIMEOUTS * self._request_timeout:
            self._replace("a batch has had no answer for too long")

    async def _probe(self) -> None:
        try:
            await self.refresh_metadata()
        except TransientKafkaError as error:
            self._health.silent(str(error))
        finally:
            self._probing = None

    # -- topics ------------------------------------------------------------------------------------------------------

    def partitions(self, topic: str) -> int | None:
        """Return the number of partitions of a topic, as far as known; None if there is no such topic."""
        return self._current.partitions(topic) if self._current is not None else None

    async def refresh_metadata(self) -> None:
        """Request the metadata of all topics; creates none. Raises TransientKafkaError."""
        if self._current is None:
            raise TransientKafkaError("not connected")
        await self._current.refresh(ANSWER_SECONDS)
        self._health.answered(_now())

    async def standings(self, topics: Collection[str]) -> Mapping[str, Standing]:
        """Ask Kafka about these topics; those that it does not tell of are left out. Raises TransientKafkaError."""
        if self._current is None:
            raise TransientKafkaError("not connected")
        return await self._current.standings(topics)

    async def message_limits(self, topics: Collection[str]) -> Mapping[str, int | None]:
        """Return the topics' largest batch sizes in bytes, None if not allowed. Raises TransientKafkaError."""
        if self._current is None:
            raise TransientKafkaError("not connected")
        limits = await self._current.message_limits(topics, LIMITS_SECONDS)
        self._sizes.told(topics, limits)
        return limits

    # -- batches -----------------------------------------------------------------------------------------------------

    def send(self, batch: Batch, done: Done) -> None:
        """Write a batch, at most one per partition at a time. `done` is called once, later.

        Its error is None, TransientKafkaError, RejectedError, or ProducerLostError. If Kafka may have the batch, it is
        ProducerLostError or UnknownOutcomeError.
        """
        partition = (batch.topic, batch.partition)
        assert partition not in self._flights, "one batch a partition"
        assert partition not in self._parked, "one batch a partition"
        generation = self._current
        if self._stopped:
            self._answer_soon(done, batch, ProducerLostError("the producer has stopped"))
            return
        assert generation is not None, "start() comes first"
        if (too_large := self._sizes.check(batch, generation.measure)) is not None:
            self._answer_soon(done, batch, too_large)
            return
        waiting = _Waiting(batch, done, _now())
        if not generation.takes(partition, batch.count):
            self._parked[partition] = waiting
            self._replace("it can no longer write to a partition")
        else:
            builder = generation.encode(batch)
            generation.batches += 1
            self._flights[partition] = waiting
            self._deliveries.spawn(self._deliver(waiting, generation, partition, builder))

    @staticmethod
    def _answer_soon(done: Done, batch: Batch, error: KafkaError) -> None:
        asyncio.get_running_loop().call_soon(done, batch, error)

    async def _deliver(self, flight: _Waiting, generation: Generation, partition: Partition, builder: Any) -> None:
        batch = flight.batch
        error: KafkaError | None = None
        try:
            batch.base_offset = await generation.write(*partition, builder, batch.size)
            self._health.wrote(_now())
            self._clock.taken(batch.topic)
        except KafkaError as failure:
            error = self._meaning(batch, failure)
        except Exception as fault:
            log.exception("a batch could not be written")
            error = ProducerLostError(repr(fault))  # whatever the error is, the batch needs an answer
        del self._flights[partition]
        generation.batches -= 1
        if generation in self._retired:
            if not generation.batches:
                self._close_later(generation)
        elif generation.dead:
            self._replace(str(error))
        flight.done(batch, error)

    def _meaning(self, batch: Batch, error: KafkaError) -> KafkaError:
        if isinstance(error, TooLargeError):
            self._sizes.rejected(batch.topic, error.size)
        elif isinstance(error, TimestampError):
            error = self._clock.refused(batch, error, _now())
        if not isinstance(error, RejectedError):
            self._health.failed(_now(), str(error))
        return error

    # -- replacement -------------------------------------------------------------------------------------------------

    def _replace(self, reason: str) -> None:
        if self._replacing is None and not self._stopped:
            log.warning("replacing the Kafka producer", reason=reason)
            self._replacing = self._background.spawn(self._replacement())

    async def _replacement(self) -> None:
        """Connect the next generation, however long it takes; then make it current and give it the parked batches."""
        old = self._current
        assert old is not None, "start() comes first"
        self._current = await self._connecting.replace(old)
        self._replacing = None
        self.replacements += 1
        self._retire(old)
        parked, self._parked = self._parked, {}
        for waiting in parked.values():
            self.send(waiting.batch, waiting.done)

    def _retire(self, generation: Generation) -> None:
        self._retired[generation] = asyncio.get_running_loop().call_later(self._grace, generation.halt)
        if not generation.batches:
            self._close_later(generation)

    def _close_later(self, generation: Generation) -> None:
        halting = self._retired.pop(generation, None)
        if halting is not None:
            halting.cancel()  # it would keep all that the generation has until then
        self._closings.spawn(generation.close(CLOSE_SECONDS))


def _now() -> float:
    """Return the event loop's monotonic time in seconds."""
    return asyncio.get_running_loop().time()


def _log_fault(fault: BaseException) -> None:
    log.error("a task of the producer failed", exc_info=fault)
