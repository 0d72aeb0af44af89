"""Writes batches to Kafka. The only user of aiokafka's producer, and where its sharp edges end.

- `send_batch` with one batch a partition at a time: nothing waits inside aiokafka, nothing can overtake.
- With idempotence, a batch that failed for good has used up its sequence numbers, and every later batch of its partition would fail:
  the aiokafka producer is replaced. So it is when it is fenced or its sender task has died. What is sent meanwhile is parked
  (at most one batch a partition), then goes on in order; the pipeline decides what becomes of the failed batch.
- Its `stop()` has no time limit; ours has.
- A metadata request that names a topic creates it on a broker with `auto.create.topics.enable`. A client that tracks no topic asks for all
  and creates none, so no topic is ever named: partitions are looked up in the metadata before a batch is handed over.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from adapter.errors import KafkaError, ProducerLostError, RejectedError, TransientKafkaError
from adapter.kafka.failures import translate

if TYPE_CHECKING:
    from adapter.kafka.options import KafkaOptions
    from adapter.model import Batch

log = structlog.get_logger(__name__)

Done = Callable[["Batch", KafkaError | None], None]

STOP_SECONDS = 5.0  # for a producer that is replaced
RECONNECT_SECONDS = (0.1, 2.0)  # the first and the longest pause between two tries, with jitter
WATCH_SECONDS = 5.0
SILENT_SECONDS = 10.0  # a batch without an answer for so long makes the adapter not ready


class Producer:
    """See the module. `replacements` counts aiokafka producers that had to be given up."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._client: AIOKafkaProducer | None = None
        self._deliveries: dict[asyncio.Task[None], float] = {}  # by when they were handed over
        self._parked: list[tuple[Batch, Done]] = []
        self._replacing: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._stopped = False
        self._trouble: str | None = "not connected yet"
        self.replacements = 0

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect. Raises TransientKafkaError while Kafka cannot be reached or does not let us in yet."""
        self._client = await self._connect()
        self._trouble = None
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self, limit: float) -> None:
        """Close, within about `limit` seconds. Batches without an answer are reported as lost."""
        self._stopped = True
        self._trouble = "stopped"
        tasks = [task for task in (self._watcher, self._replacing, *self._deliveries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        parked, self._parked = self._parked, []
        for batch, done in parked:
            done(batch, ProducerLostError("the producer was stopped"))
        if self._client is not None:
            await self._close(self._client, limit)
            self._client = None
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=limit)

    @property
    def problem(self) -> str | None:
        """Why Kafka cannot be written to, as far as is known; None when it can."""
        if self._trouble is None and self._deliveries:
            silent = time.monotonic() - min(self._deliveries.values())
            if silent > SILENT_SECONDS:
                return f"no answer for {silent:.0f} s"
        return self._trouble

    @property
    def ready(self) -> bool:
        """Whether Kafka can be written to."""
        return self.problem is None

    async def _connect(self) -> AIOKafkaProducer:
        client = AIOKafkaProducer(**self._options.connection(), **self._options.production())
        limit = self._options.request_timeout_ms / 1000
        try:
            # Connects, and gets a producer id when idempotent, for which aiokafka would try for ever.
            await asyncio.wait_for(client.start(), limit)
            if not await asyncio.wait_for(client.client.force_metadata_update(), limit):
                raise kafka_errors.KafkaConnectionError("no metadata")
        except asyncio.CancelledError:
            await self._close(client, STOP_SECONDS)
            raise
        except Exception as error:
            await self._close(client, STOP_SECONDS)
            raise TransientKafkaError(self._why(error)) from error
        return client

    def _why(self, error: Exception) -> str:
        if isinstance(error, kafka_errors.ClusterAuthorizationFailedError) and self._options.enable_idempotence:
            return (
                "not allowed to write idempotently: grant IdempotentWrite on the cluster to the adapter's user, "
                "or set ADAPTER_KAFKA__ENABLE_IDEMPOTENCE=false"
            )
        return f"{self._options.bootstrap_servers}: {translate(error)}"

    @staticmethod
    async def _close(client: AIOKafkaProducer, limit: float) -> None:
        try:
            await asyncio.wait_for(client.stop(), limit)
        except Exception as error:  # noqa: BLE001 - it is given up either way
            log.warning("producer did not stop in good order", error=repr(error))
            await client.client.close()

    async def _watch(self) -> None:
        """Notice without traffic that Kafka has gone, and that it is back."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            client = self._client
            if client is None:
                continue
            node = client.client.get_random_node()
            reached = node is not None and await client.client.ready(node)
            if not reached:
                self._note("brokers cannot be reached")
            elif self._trouble is not None and not self._deliveries and self._replacing is None:
                self._note(None)

    def _note(self, trouble: str | None) -> None:
        """Remember how it goes, and log the changes."""
        if (trouble is None) != (self._trouble is None):
            if trouble is None:
                log.info("kafka can be written to again")
            else:
                log.warning("kafka cannot be written to", reason=trouble)
        self._trouble = trouble

    # -- topics ------------------------------------------------------------------------------------------------------

    def partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, as far as is known; None: no such topic."""
        known = self._client.client.cluster.partitions_for_topic(topic) if self._client is not None else None
        return len(known) if known else None

    async def refresh_metadata(self) -> None:
        """Ask Kafka about all topics. Raises TransientKafkaError."""
        client = self._client
        if client is None or not await client.client.force_metadata_update():
            raise TransientKafkaError("metadata cannot be read")

    # -- batches -----------------------------------------------------------------------------------------------------

    def send(self, batch: Batch, done: Done) -> None:
        """Write a batch; the caller has at most one of a partition here. `done` is called once, later."""
        if self._client is None or self._replacing is not None:
            self._parked.append((batch, done))
            return
        builder = self._client.create_batch()
        # The second half of the hot path: about 2 µs a record with six headers, nearly all of it in aiokafka's encoder.
        append = builder.append
        for run in batch.runs:
            key = run.route.template.key
            timestamp = run.arrived_ms
            headers = run.headers()
            for payload in run.payloads:
                fits = append(timestamp=timestamp, key=key, value=payload, headers=headers)
                assert fits is not None, "a batch is larger than its records were estimated"
        task = asyncio.get_running_loop().create_task(self._deliver(self._client, builder, batch, done))
        self._deliveries[task] = time.monotonic()

    async def _deliver(self, client: AIOKafkaProducer, builder: object, batch: Batch, done: Done) -> None:
        error: KafkaError | None = None
        try:
            known = client.client.cluster.partitions_for_topic(batch.topic)
            if not known or batch.partition not in known:
                raise kafka_errors.UnknownTopicOrPartitionError(batch.topic)  # noqa: TRY301 - as if Kafka had said so
            future = await client.send_batch(builder, batch.topic, partition=batch.partition)
            metadata = await future
            if metadata is not None:  # acks=0 has none
                batch.base_offset = metadata.offset
        except asyncio.CancelledError:
            error = ProducerLostError("the producer was given up before Kafka answered")
        except Exception as failure:  # noqa: BLE001 - translated
            error = translate(failure)
        task = asyncio.current_task()
        assert task is not None
        del self._deliveries[task]
        if error is None:
            self._note(None)
        else:
            self._note(str(error) if not isinstance(error, RejectedError) else self._trouble)
            spent = isinstance(error, RejectedError) and self._options.enable_idempotence
            if (spent or isinstance(error, ProducerLostError)) and client is self._client:
                self._replace(str(error))
        done(batch, error)

    # -- replacement ---------------------------------------------------------------------------------------------------

    def _replace(self, reason: str) -> None:
        if self._replacing is None and not self._stopped:
            log.warning("replacing the producer", reason=reason)
            self._replacing = asyncio.get_running_loop().create_task(self._replacement())

    async def _replacement(self) -> None:
        """Let the old producer answer what it has, retire it, connect a new one, go on with what was parked."""
        old = self._client
        assert old is not None
        if self._deliveries:
            # Other partitions' batches end as usual. Who has not ended by then is cut off, and reported as lost.
            _, late = await asyncio.wait(self._deliveries, timeout=self._options.request_timeout_ms / 1000)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        retiring = asyncio.get_running_loop().create_task(self._close(old, STOP_SECONDS))
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)
        pause, longest = RECONNECT_SECONDS
        while True:
            try:
                self._client = await self._connect()
                break
            except TransientKafkaError as error:
                self._note(str(error))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause = min(pause * 2, longest)
        self.replacements += 1
        self._replacing = None
        self._note(None)
        parked, self._parked = self._parked, []
        for batch, done in parked:
            self.send(batch, done)
