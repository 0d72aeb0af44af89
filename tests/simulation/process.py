"""One process of the adapter: the real service on virtual time, without listener and HTTP endpoint."""

from __future__ import annotations

import asyncio
import contextvars
import random
from functools import partial
from typing import TYPE_CHECKING, Any

from adapter import wiring
from adapter.errors import ConnectRefusedError
from adapter.identity.gatekeeper import Gatekeeper
from adapter.kafka.producer import Producer
from adapter.model import DeliveryStatus, Identity
from adapter.mqtt.exactly_once import QOS_2
from adapter.reasons import ReasonCode
from adapter.service import Drained, Service
from adapter.settings import Settings
from tests.simulation.kafka_client import Client
from tests.simulation.payload import name_of
from tests.simulation.plan import DEAD_LETTERS, TENANT
from tests.simulation.virtual_loop import process_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adapter.counters import Ledger
    from adapter.delivery.budget import Budget
    from adapter.delivery.pipeline import Pipeline
    from adapter.kafka.options import KafkaOptions
    from adapter.model import Connect, Outcome
    from adapter.mqtt.frontend import Frontend
    from adapter.peer import Peer
    from adapter.runs import Run
    from tests.simulation.kafka_cluster import Cluster
    from tests.simulation.network import Link
    from tests.simulation.plan import Config

_DEFAULT = Settings()


def settings(config: Config) -> Settings:
    """The operator's settings that a plan stands for."""
    kafka = _DEFAULT.kafka.model_copy(
        update={
            "bootstrap_servers": "simulated:9092",
            "enable_idempotence": config.idempotence,
            "delivery_timeout_ms": round(config.delivery_timeout * 1000),
            "request_timeout_ms": round(config.request_timeout * 1000),
            "linger_ms": config.linger * 1000,
            "max_batch_size": config.max_batch_size,
            "topic_refresh_interval": config.refresh,
            "dead_letter_topic": DEAD_LETTERS if config.dead_letters else None,
        }
    )
    mqtt = _DEFAULT.mqtt.model_copy(update={"port": None, "receive_maximum": config.receive_maximum})
    http = _DEFAULT.http.model_copy(update={"port": None})
    return _DEFAULT.model_copy(
        update={
            "kafka": kafka,
            "mqtt": mqtt,
            "http": http,
            "max_pending_bytes": config.max_pending_bytes,
            "drain_timeout": config.drain_timeout,
        }
    )


class Doorman(Gatekeeper):
    """Lets everyone in, after a while; forbids topics that say so."""

    def __init__(self, seed: str, *, checks_topics: bool) -> None:
        self._rng = random.Random(seed)
        self._asks = checks_topics

    async def start(self) -> None:
        """Nothing to load."""

    async def stop(self) -> None:
        """Nothing to close."""

    @property
    def checks_topics(self) -> bool:
        return self._asks

    async def authenticate(self, connect: Connect, peer: Peer) -> Identity:
        await self._think(peer.address)
        if connect.username is None:
            raise ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, "no name")
        return Identity(connect.client_id, connect.username, TENANT, connect.client_id)

    async def may_publish(self, identity: Identity, topic: str) -> bool:
        await self._think(identity.client_id)
        return "forbidden" not in topic

    async def _think(self, _: str) -> None:
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.uniform(0.0, 0.2))


async def _any_server(options: KafkaOptions, _: Iterable[tuple[str, int]], __: float) -> str:
    """The model of aiokafka's producer reaches whoever can be reached."""
    return options.bootstrap_servers


class SimulatedService(Service):
    """The real one, with the models at its edges."""

    def __init__(self, config: Config, cluster: Cluster, number: int) -> None:
        super().__init__(settings(config))
        self._config = config
        self._cluster = cluster
        self._number = number

    async def start(self, stopping: asyncio.Event) -> None:
        await super().start(stopping)
        if self._pipeline is not None:
            self._note_what_is_given_up(self._pipeline)
        frontend = self._frontend
        fleet = self._config.fleet
        if frontend is not None and fleet:
            paced = frontend.close_paced

            def behind_the_fleet(close: Callable[[], None], jitter: float) -> None:
                frontend.timers.call_later(fleet, paced, close, jitter)

            frontend.close_paced = behind_the_fleet  # type: ignore[method-assign] # as if many had failed before

    def _note_what_is_given_up(self, pipeline: Pipeline) -> None:
        """Of QoS 2: it may be there all the same, so its repeat may be the second."""
        settle = pipeline._settle

        def noting(runs: Iterable[Run], outcome: Outcome) -> None:
            runs = list(runs)
            for run in runs:
                if run.qos == QOS_2 and run.outcome is None and outcome.status is DeliveryStatus.UNKNOWN:
                    self._cluster.given_up.update(map(name_of, run.payloads))
            settle(runs, outcome)

        pipeline._settle = noting  # type: ignore[method-assign]

    def _make_producer(self) -> Producer:
        return Producer(
            wiring.kafka_options(self._settings, self.bootstrap_servers),
            max_records=self._config.max_records,
            client=partial(Client, self._cluster),
            find_server=_any_server,
        )

    def _make_gatekeeper(self) -> Gatekeeper:
        return Doorman(f"{self._cluster.seed}/{self._number}", checks_topics=self._config.checks_topics)


class Process:
    """See the module. `number` counts from 1; `up`: it accepts connections."""

    def __init__(self, number: int, config: Config, cluster: Cluster, service: type[SimulatedService]) -> None:
        self.number = number
        self.config = config
        self.loop = cluster.loop
        self.cluster = cluster
        self.service = service(config, cluster, number)
        self.links: list[Link] = []
        self.up = False
        self.alive = True
        self.began = cluster.loop.time()
        self._world = cluster.context
        self._context = contextvars.copy_context()
        self._context.run(process_number.set, number)
        self._stopping = asyncio.Event()
        self._starting = self.loop.create_task(self._start(), context=self._context)

    async def _start(self) -> None:
        await self.service.start(self._stopping)
        self.up = not self._stopping.is_set()

    # -- its parts -----------------------------------------------------------------------------------------------------

    @property
    def frontend(self) -> Frontend:
        assert self.service._frontend is not None
        return self.service._frontend

    @property
    def pipeline(self) -> Pipeline:
        assert self.service._pipeline is not None
        return self.service._pipeline

    @property
    def budget(self) -> Budget:
        return self.pipeline.budget

    @property
    def ledger(self) -> Ledger:
        return self.service._ledger

    # -- what happens to it --------------------------------------------------------------------------------------------

    def run(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call now, as a callback of this process."""
        self._context.copy().run(callback, *args)

    def later(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        if self.alive:
            self.loop.call_later(delay, callback, *args, context=self._context)

    def world_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        self.loop.call_later(delay, callback, *args, context=self._world)

    async def terminate(self) -> Drained:
        """SIGTERM: as `adapter run` does it."""
        self.up = False
        self._stopping.set()
        await self._starting
        drained = await self.loop.create_task(self.service.stop(), context=self._context)
        self.alive = False
        return drained

    def kill(self) -> None:
        """SIGKILL."""
        self.up = self.alive = False
        self.loop.kill(self.number)
        for client in self.cluster.clients:
            client.abandon()
        for link in self.links:
            link.process_killed()
