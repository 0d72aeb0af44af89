"""The composition root: creates and connects all parts, and starts and stops them in order.

Start:  HTTP endpoint (alive, not ready) → plugins → Kafka, however long it takes → listeners → ready
Stop:   not ready → no new connections, no reading → pending messages flushed, PUBACKs written → devices disconnected
        → producer → plugins → HTTP endpoint; each step with a time limit
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from adapter import wiring
from adapter.counters import Ledger
from adapter.dead_letters import DeadLetters
from adapter.delivery.budget import Budget
from adapter.delivery.overflow import DropOldest
from adapter.delivery.pipeline import Pipeline
from adapter.errors import TransientKafkaError
from adapter.identity.gatekeeper import Gatekeeper
from adapter.ingress import Ingress
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.limits import Limits
from adapter.kafka.partitioner import partition_for
from adapter.kafka.producer import Producer
from adapter.kafka.sizes import BATCH_HEADER
from adapter.kafka.topics import Topics
from adapter.listeners import Listeners
from adapter.mqtt.frontend import Frontend
from adapter.reasons import Reason
from adapter.settings import EMBEDDED, Overflow, Puback
from adapter.telemetry.http import HttpEndpoint
from adapter.telemetry.logs import RateLimitedLog
from adapter.telemetry.metrics import Sources, make_registry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapter.model import RecordTemplate, Refusal
    from adapter.runs import Route
    from adapter.settings import Settings

log = structlog.get_logger(__name__)

FIRST_KAFKA_RETRY = 0.2  # seconds, doubled up to the last value, with jitter
LAST_KAFKA_RETRY = 5.0
PRODUCER_STOP_SECONDS = 1.0  # whatever has no answer by then was given up on before
CLOSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Drained:
    """The messages that the stop left behind."""

    unknown: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether Kafka has everything that was pending."""
        return not (self.unknown or self.dropped)


def wall_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Service:
    """The whole adapter. `start` returns when devices are accepted, or when `stopping` is set before that."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log = RateLimitedLog(log)
        self._ledger = Ledger()
        self._router = wiring.make_router(settings)
        self._stops = AsyncExitStack()  # stops the started parts in reverse order
        self._producer: Producer | None = None
        self._pipeline: Pipeline | None = None
        self._ingress: Ingress | None = None
        self._frontend: Frontend | None = None
        self._listeners: Listeners | None = None
        self._not_ready: str | None = "starting"
        self._drain_over = asyncio.Event()
        self.bootstrap_servers = settings.kafka.bootstrap_servers

    @property
    def mqtt_port(self) -> int | None:
        """The port of the plain TCP listener; None while it is closed."""
        return self._listeners.ports.get("mqtt") if self._listeners else None

    def reasons_not_ready(self) -> list[str]:
        """Why devices should not connect here; empty when the service is ready."""
        reasons = [self._not_ready] if self._not_ready else []
        if not reasons and self._producer is not None and self._producer.problem:
            reasons.append(f"kafka: {self._producer.problem}")
        return reasons

    # -- start ---------------------------------------------------------------------------------------------------------

    async def start(self, stopping: asyncio.Event) -> None:
        """Start everything. Raises ConfigurationError, or OSError for an address; the caller always calls `stop`."""
        starting = asyncio.create_task(self._start())
        told = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait((starting, told), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
        finally:
            told.cancel()
            starting.cancel()  # each step may take long, as the first connection to a silent broker
            await asyncio.wait((starting, told))

    async def _start(self) -> None:
        settings = self._settings
        loop = asyncio.get_running_loop()
        listeners = self._listeners = Listeners(settings)
        create_topic = await self._start_embedded_kafka()
        budget = Budget(settings.max_pending_bytes)
        producer = self._producer = self._make_producer()
        pipeline = self._pipeline = Pipeline(
            wiring.pipeline_config(settings),
            producer,
            loop,
            budget,
            self._ledger,
            route_refused=self._route_refused,
            receipts_wanted=self._receipts_wanted,
        )
        limits = Limits(producer, lambda topic, size: pipeline.limit(topic, size - BATCH_HEADER))
        topics = Topics(
            producer,
            settings.kafka.topic_refresh_interval,
            self._partition_count_changed,
            create_topic,
            limits if create_topic is None else None,  # the embedded broker has no limits
        )
        gatekeeper = self._make_gatekeeper()
        on_receipt = settings.mqtt.puback is Puback.ON_RECEIPT
        dead_letters = DeadLetters(
            settings.kafka.dead_letter_topic, settings.kafka.orig_adapter, pipeline.counters.dead_letters, self._log
        )
        ingress = self._ingress = Ingress(
            self._router,
            gatekeeper,
            topics,
            pipeline,
            partition_for,
            dead_letters,
            self._log,
            puback_on_receipt=on_receipt,
        )
        frontend = self._frontend = Frontend(
            wiring.mqtt_config(settings),
            ingress,
            budget,
            self._ledger,
            loop,
            wall_ms,
            self._log,
            route_refused=ingress.route_refused,
            make_room=DropOldest(pipeline, budget, loop).make_room
            if settings.qos0_overflow is Overflow.DROP_OLDEST
            else None,
        )
        await self._start_telemetry(Sources(frontend.counters, self._ledger, pipeline, budget, producer, listeners))
        self._stops.push_async_callback(gatekeeper.stop)
        await gatekeeper.start()
        self._stops.push_async_callback(producer.stop, PRODUCER_STOP_SECONDS)
        await self._reach_kafka(producer)
        self._stops.push_async_callback(topics.stop)
        await topics.start()
        self._stops.push_async_callback(ingress.stop)
        await ingress.find_dead_letter_topic()
        self._stops.push_async_callback(self._close_connections, frontend)
        self._stops.push_async_callback(listeners.stop)
        await listeners.start(frontend)
        self._not_ready = None
        log.info(
            "ready", kafka=self.bootstrap_servers, **{f"{name}_port": port for name, port in listeners.ports.items()}
        )

    # The simulation replaces these two parts.

    def _make_producer(self) -> Producer:
        return Producer(wiring.kafka_options(self._settings, self.bootstrap_servers))

    def _make_gatekeeper(self) -> Gatekeeper:
        return Gatekeeper(wiring.identity_config(self._settings), self._log)

    async def _start_embedded_kafka(self) -> Callable[[str], Awaitable[None]] | None:
        """Start the embedded Kafka if it is configured; return the function that creates its topics."""
        if self.bootstrap_servers != EMBEDDED:
            return None
        embedded = EmbeddedKafka()
        self._stops.push_async_callback(embedded.stop)
        self.bootstrap_servers = await embedded.start()
        return embedded.create_topic

    async def _start_telemetry(self, sources: Sources) -> None:
        http = self._settings.http
        self._stops.callback(sources.loop_lag.stop)
        sources.loop_lag.start(asyncio.get_running_loop())
        self._stops.callback(sources.open_files.stop)
        sources.open_files.start(asyncio.get_running_loop(), self._log)
        if http.port is not None:
            endpoint = HttpEndpoint(http.host, http.port, make_registry(sources), self.reasons_not_ready)
            self._stops.push_async_callback(endpoint.stop)
            await endpoint.start()

    async def _reach_kafka(self, producer: Producer) -> None:
        """Connect to Kafka, retrying until it succeeds."""
        delay = FIRST_KAFKA_RETRY
        while True:
            try:
                await producer.start()
            except TransientKafkaError as error:
                self._not_ready = f"kafka: not reached yet: {error}"
                self._log.warning("kafka not reached yet", error=str(error))
            else:
                return
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay = min(delay * 2, LAST_KAFKA_RETRY)

    def _partition_count_changed(self, topic: str, old: int, new: int) -> None:
        assert self._ingress is not None, "topics are watched only after everything is created"
        self._ingress.partition_count_changed(topic, old, new)

    def _receipts_wanted(self) -> bool:
        return self._frontend is not None and self._frontend.counters.receipts_wanted > 0

    def _route_refused(self, template: RecordTemplate, refusal: Refusal) -> Route | Refusal:
        assert self._ingress is not None, "a refused message came through it"
        return self._ingress.route_refused(template, refusal)

    def reload(self) -> None:
        """Reload the files that operators renew while the adapter runs: certificates."""
        if self._listeners is not None:
            self._listeners.reload()

    # -- stop ----------------------------------------------------------------------------------------------------------

    def hurry(self) -> None:
        """Give up on what Kafka has not acknowledged, now or as soon as the service stops."""
        self._drain_over.set()

    async def stop(self) -> Drained:
        """Drain and stop everything. May be called at any time after construction."""
        self._not_ready = "stopping"
        if self._listeners is not None:
            self._listeners.close()
        if self._frontend is not None:
            self._frontend.stop_reading()
        drained = await self._drain()
        await self._stops.aclose()
        if drained.complete:
            log.info("stopped")
        else:
            log.error(
                "stopped with messages that Kafka did not acknowledge", unknown=drained.unknown, dropped=drained.dropped
            )
        return drained

    async def _drain(self) -> Drained:
        """Wait for Kafka until the drain timeout or `hurry`, then give up on the remaining messages and count them."""
        pipeline, frontend = self._pipeline, self._frontend
        if pipeline is None or frontend is None:
            return Drained(0, 0)
        before = self._given_up()
        frontend.wills.when_none_is_due(partial(pipeline.when_idle, self._drain_over.set))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drain_over.wait(), self._settings.drain_timeout)
        frontend.wills.give_up()
        pipeline.give_up()
        after = self._given_up()
        return Drained(after.unknown - before.unknown, after.dropped - before.dropped)

    def _given_up(self) -> Drained:
        """Count what Kafka does not have although somebody wanted it to."""
        dropped = sum(
            count
            for reasons in self._ledger.dropped
            for reason, count in reasons.items()
            if reason is not Reason.EXPIRED
        )
        return Drained(sum(self._ledger.unknown), dropped)

    @staticmethod
    async def _close_connections(frontend: Frontend) -> None:
        """Send DISCONNECTs, close all connections, and wait until their last bytes are sent."""
        frontend.close_all()
        now = asyncio.get_running_loop().time
        deadline = now() + CLOSE_SECONDS
        while frontend.counters.connections and now() < deadline:  # noqa: ASYNC110 - once, for an instant
            await asyncio.sleep(0.01)
