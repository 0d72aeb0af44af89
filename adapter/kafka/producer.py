"""Writes batches to Kafka, and replaces the aiokafka producer when it becomes unusable.

A `Generation` is one aiokafka producer. The current one is replaced if one of its partitions is spent, if it is dead,
or if it finds no broker any more. No batch is lost or overtaken, because the caller has at most one batch of a
partition here, and that batch is in one place:

    in flight    at its generation, until that answers. A replaced generation gets no new batches and answers those it
                 has; after `grace` seconds it is halted, and the remaining batches are reported as lost
    parked       the current generation cannot write to its partition, and the next one is not connected yet

Other partitions continue meanwhile: a record that Kafka rejects does not delay records of other partitions.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaProducer

from adapter.errors import ConfigurationError, KafkaError, ProducerLostError, RejectedError, TransientKafkaError
from adapter.kafka.generation import MAX_RECORDS, Generation, Partition
from adapter.kafka.health import Health
from adapter.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from adapter.kafka.options import KafkaOptions
    from adapter.model import Batch

log = structlog.get_logger(__name__)

Done = Callable[["Batch", KafkaError | None], None]

ANSWER_SECONDS = 10.0  # for connecting and for metadata: brokers answer in milliseconds, or are unavailable
LIMITS_SECONDS = 2.0  # for a topic's largest batch size: devices may wait for it, and it is optional
CLOSE_SECONDS = 5.0
# The first and the longest pause between two attempts to connect, with jitter. Within 3 s of Kafka's return the adapter
# must write again.
RECONNECT_SECONDS = (0.1, 2.0)
WATCH_SECONDS = 1.0
PROBE_SECONDS = 10.0  # after so long without a good answer, idle or not, Kafka is probed
PROBE_AGAIN_SECONDS = 2.0
BOOTSTRAP_SECONDS = 30.0  # after so long without any broker, the bootstrap servers are tried: addresses may change
SLOW_ANSWER_SECONDS = 2.0  # after so long without an answer, a batch's partition may have a new leader
UNANSWERED_TIMEOUTS = 4  # after so many request timeouts, a producer that does not answer is replaced
# Each replacement costs a producer id, which brokers remember for a day, and a device may be able to cause one.
QUICK_REPLACEMENTS = 10
QUICK_SECONDS = 60.0
SLOW_SECONDS = 1.0
# … but at most this part of a request timeout: the search for a rejected record must end before the delivery timeout.
SLOW_PART = 0.1


class _Flight:
    """An unanswered batch. `since` is in seconds on a monotonic clock."""

    __slots__ = ("batch", "done", "generation", "since")

    def __init__(self, batch: Batch, done: Done, generation: Generation, since: float) -> None:
        self.batch = batch
        self.done = done
        self.generation = generation
        self.since = since


class Producer:
    """Writes batches to Kafka. `replacements` counts the generations after the first.

    `grace` is in seconds and defaults to the request timeout. `max_records` is the limit of one generation for each
    partition. `client` creates the aiokafka producer of a generation.
    """

    def __init__(
        self,
        options: KafkaOptions,
        *,
        grace: float | None = None,
        max_records: int = MAX_RECORDS,
        client: Callable[..., Any] = AIOKafkaProducer,
    ) -> None:
        self._options = options
        self._client = client
        self._request_timeout = options.request_timeout_ms / 1000
        self._grace = self._request_timeout if grace is None else grace
        self._max_records = max_records
        self._current: Generation | None = None
        self._retired: set[Generation] = set()
        self._flights: dict[Partition, _Flight] = {}  # the oldest first
        self._parked: dict[Partition, tuple[Batch, Done]] = {}
        self._background = Tasks(_log_fault)
        self._deliveries = Tasks(_log_fault)
        self._closings = Tasks(_log_fault)
        self._probing: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None
        self._probed = float("-inf")
        self._replaced: deque[float] = deque(maxlen=QUICK_REPLACEMENTS)
        self._health = Health()
        self._stopped = False
        self.replacements = 0

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises TransientKafkaError while that fails, ConfigurationError for an unusable certificate."""
        self._current = await self._connect()
        self._background.spawn(self._watch())

    async def stop(self, limit: float) -> None:
        """Close within about `limit` seconds. Batches without an answer by then are reported as lost."""
        self._stopped = True
        deadline = _now() + limit
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=limit)
        await self._background.stop()
        parked, self._parked = self._parked, {}
        for batch, done in parked.values():
            done(batch, ProducerLostError("the producer was stopped before the batch was sent"))
        current, self._current = self._current, None
        for generation in (current, *self._retired):
            if generation is not None:
                if generation.batches:
                    generation.halt()
                self._close_later(generation)
        if self._deliveries:
            await asyncio.wait(self._deliveries)  # halted generations answer at once
        if self._closings:
            await asyncio.wait(self._closings, timeout=max(CLOSE_SECONDS, deadline - _now()))

    async def _connect(self) -> Generation:
        try:
            generation = Generation(self._options, self._max_records, self._client)
            await generation.start(ANSWER_SECONDS)
        except (TransientKafkaError, ConfigurationError) as error:
            self._health.bad(str(error))
            raise
        self._health.good(_now())
        return generation

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def problem(self) -> str | None:
        """Why Kafka cannot be written to, as far as known; None if it can."""
        if self._stopped:
            return "stopped"
        return self._health.problem(_now(), next((flight.since for flight in self._flights.values()), None))

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
        problem = self.problem
        self._health.log_change(problem)
        now = _now()
        silent = now - self._health.reached
        pause = PROBE_SECONDS if problem is None else PROBE_AGAIN_SECONDS
        if self._probing is None and min(silent, now - self._probed) > pause:
            self._probed = now
            self._probing = self._background.spawn(self._probe())
        self._follow_leaders(now)
        oldest = next(iter(self._flights.values()), None)
        if silent > BOOTSTRAP_SECONDS:
            self._replace("no known broker can be reached")
        elif (
            oldest is not None
            and oldest.generation is self._current
            and now - oldest.since > UNANSWERED_TIMEOUTS * self._request_timeout
        ):
            self._replace("a batch has had no answer for too long")

    def _follow_leaders(self, now: float) -> None:
        current = self._current
        slow = [
            partition
            for partition, flight in self._flights.items()
            if flight.generation is current and now - flight.since > SLOW_ANSWER_SECONDS
        ]
        if slow and current is not None and (self._following is None or self._following.done()):
            self._following = self._background.spawn(current.follow_leaders(slow))

    async def _probe(self) -> None:
        try:
            await self.refresh_metadata()
        except TransientKafkaError as error:
            self._health.bad(str(error))
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
        self._health.good(_now())

    async def message_limits(self, topics: Collection[str]) -> Mapping[str, int]:
        """Return the topics' largest batch sizes in bytes, as far as Kafka reports them. Raises TransientKafkaError."""
        if self._current is None:
            raise TransientKafkaError("not connected")
        return await self._current.message_limits(topics, LIMITS_SECONDS)

    # -- batches -----------------------------------------------------------------------------------------------------

    def send(self, batch: Batch, done: Done) -> None:
        """Write a batch, at most one per partition at a time. `done` is called once, later.

        Its error is None, TransientKafkaError, RejectedError, or ProducerLostError if Kafka may have the batch.
        """
        partition = (batch.topic, batch.partition)
        assert partition not in self._flights, "one batch a partition"
        assert partition not in self._parked, "one batch a partition"
        if self._stopped:
            asyncio.get_running_loop().call_soon(done, batch, ProducerLostError("the producer has stopped"))
            return
        generation = self._current
        assert generation is not None, "start() comes first"
        if not generation.takes(partition, batch.count):
            self._parked[partition] = (batch, done)
            self._replace("it can no longer write to a partition")
        else:
            builder = generation.encode(batch)
            generation.batches += 1
            flight = self._flights[partition] = _Flight(batch, done, generation, _now())
            self._deliveries.spawn(self._deliver(flight, partition, builder))

    async def _deliver(self, flight: _Flight, partition: Partition, builder: Any) -> None:
        generation = flight.generation
        error: KafkaError | None = None
        try:
            flight.batch.base_offset = await generation.write(*partition, builder, flight.batch.size)
            self._health.wrote(_now())
        except KafkaError as failure:
            error = failure
            if not isinstance(failure, RejectedError):
                self._health.failed(_now(), str(failure))
        except Exception as fault:
            log.exception("a batch could not be written")
            error = ProducerLostError(repr(fault))  # whatever the error is, the batch needs an answer
        del self._flights[partition]
        generation.batches -= 1
        if generation in self._retired:
            if not generation.batches:
                self._close_later(generation)
        elif not generation.goes_on(partition):
            self._replace(str(error))
        flight.done(flight.batch, error)

    # -- replacement -------------------------------------------------------------------------------------------------

    def _replace(self, reason: str) -> None:
        if self._replacing is None and not self._stopped:
            log.warning("replacing the Kafka producer", reason=reason)
            self._replacing = self._background.spawn(self._replacement())

    async def _replacement(self) -> None:
        """Connect the next generation, however long it takes; then make it current and give it the parked batches."""
        if len(self._replaced) == QUICK_REPLACEMENTS and _now() - self._replaced[0] < QUICK_SECONDS:
            await asyncio.sleep(min(SLOW_SECONDS, self._options.request_timeout_ms / 1000 * SLOW_PART))
        pause, longest = RECONNECT_SECONDS
        while True:
            try:
                generation = await self._connect()
                break
            except (TransientKafkaError, ConfigurationError):
                pass  # readiness reports it
            except Exception:
                log.exception("the next Kafka producer could not be created")
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(pause * 2, longest)
        old, self._current = self._current, generation
        self._replacing = None
        self._replaced.append(_now())
        self.replacements += 1
        assert old is not None, "start() comes first"
        self._retire(old)
        parked, self._parked = self._parked, {}
        for batch, done in parked.values():
            self.send(batch, done)

    def _retire(self, generation: Generation) -> None:
        if generation.batches:
            self._retired.add(generation)
            # It may have ended by then; halting it again does no harm.
            asyncio.get_running_loop().call_later(self._grace, generation.halt)
        else:
            self._close_later(generation)

    def _close_later(self, generation: Generation) -> None:
        self._retired.discard(generation)
        self._closings.spawn(generation.close(CLOSE_SECONDS))


def _now() -> float:
    """Return the event loop's monotonic time in seconds."""
    return asyncio.get_running_loop().time()


def _log_fault(fault: BaseException) -> None:
    log.error("a task of the producer failed", exc_info=fault)
