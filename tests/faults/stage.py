"""Where a fault plays: a cluster, an adapter under load, and the row of figures that comes out of it.

The order of a run: warm up, measure the undisturbed rate at full speed, slow down to a pace, let the fault happen. It
calls `healed` at the instant from which Kafka can be written to again: from there the recovery is measured, at full
speed again. At last everything is answered, read back, and judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import psutil

from adapter.verify.judge import Sighting, judge
from tests.faults.device import KINDS, Kind
from tests.faults.fleet import Fleet
from tests.faults.row import Row
from tests.support.adapter import Adapter
from tests.support.kafka_dist import CURRENT
from tests.support.records import read_all
from tests.support.tcp_proxy import TcpProxy
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from tests.support.kafka_cluster import KafkaCluster
    from tests.support.records import Record

PARTITIONS = 4
WARM_SECONDS = 1.5
RECOVER_SECONDS = 60.0
ANSWER_SECONDS = 150.0
READ_SECONDS = 120.0
MB = 10**6
BUDGET = 64 * 2**20  # bytes, the adapter's default
RSS_BESIDES = 150 * MB  # what it may take besides
WATCH_SECONDS = 0.05
# Ends of a connection that are the device's doing, or the network's.
NOT_OUR_DOING = {"client_disconnect", "connection_lost", "taken_over"}

Result = TypeVar("Result")


class Speed(NamedTuple):
    """Messages a second at full speed (None: as fast as it goes) and while the fault plays."""

    full: float | None
    pace: float
    measured: float  # seconds over which a rate is measured


LONG = Speed(None, 4000.0, 3.0)
BRIEF = Speed(1500.0, 1000.0, 0.5)


@dataclass(frozen=True, slots=True)
class Fault:
    """`play` does it. `reach` is how the adapter reaches the cluster; `variables` are the adapter's own."""

    name: str
    play: Callable[[Stage], Awaitable[None]]
    reach: str = "internal"  # or "bootstrap", through the proxies; or "sasl"
    variables: dict[str, str] = field(default_factory=dict)
    spoils_devices: bool = False  # there is a proxy between devices and adapter
    may_close: bool = False  # the adapter has reason to close connections
    overfills: bool = False  # devices send more than the budget takes; what they send behind it is not heard
    needs_root: bool = False
    release: str = CURRENT  # another one: a cluster of its own
    devices: int = 40
    kinds: tuple[Kind, ...] = KINDS
    size: int = 64  # bytes of padding in a message
    prepare: Callable[[Stage], None] | None = None  # before the adapter starts


class Stage:
    """What a fault can reach."""

    def __init__(self, fault: Fault, cluster: KafkaCluster, tenant: str, *, brief: bool = False) -> None:
        self.fault = fault
        self._speed = BRIEF if brief else LONG
        self.cluster = cluster
        self.tenant = tenant
        self.topic = f"hono.telemetry.{tenant}"
        self.partitions = PARTITIONS
        self.adapter = self._new_adapter({})
        self.proxy = TcpProxy(self.adapter.port) if fault.spoils_devices else None
        self.fleet = Fleet(tenant, self._port, fault.devices, fault.kinds, fault.size)
        self.excused: dict[str, set[int]] = {}
        self.row = Row(fault.name)
        self._playing = False

    def _new_adapter(self, variables: dict[str, str]) -> Adapter:
        return Adapter(getattr(self.cluster, self.fault.reach), **self.fault.variables | variables)

    def _port(self) -> int:
        return self.proxy.port if self.proxy is not None else self.adapter.port

    # -- what faults call --------------------------------------------------------------------------------------------

    @staticmethod
    async def aside(function: Callable[..., Result], *arguments: Any) -> Result:
        """Call something that blocks, while the devices go on."""
        return await asyncio.to_thread(function, *arguments)

    def full_speed(self) -> None:
        """Let devices publish as fast as they may."""
        self.fleet.pace = self._speed.full

    async def writable(self) -> None:
        """Wait until Kafka can take records of every partition."""
        await self.aside(self.cluster.until_writable, self.topic, self.partitions)

    async def in_sync(self) -> None:
        """Wait until all replicas are in sync."""
        await self.aside(self.cluster.until_in_sync, self.topic, self.partitions)

    async def healed(self) -> None:
        """Kafka can be written to, as from now: measure how soon every device hears of it, and how fast it goes on."""
        fleet = self.fleet
        self.full_speed()
        fleet.watch()
        began = time.monotonic()
        try:
            await until(lambda: any(device.first_ack for device in fleet.devices), RECOVER_SECONDS)
            acked, then = fleet.acked, time.monotonic()
            await asyncio.sleep(self._speed.measured)
            rate = (fleet.acked - acked) / (time.monotonic() - then)
            await until(lambda: all(device.first_ack for device in fleet.devices), RECOVER_SECONDS)
        except TimeoutError:
            deaf = [device.name for device in fleet.devices if not device.first_ack]
            self.row.broken.append(f"no PUBACK for {RECOVER_SECONDS:g} s: {len(deaf)} devices, {' '.join(deaf[:5])}")
            return
        recovery = max(device.first_ack - began for device in fleet.devices if device.first_ack)
        self.row.recovery = max(recovery, self.row.recovery or 0.0)
        self.row.drain = min(rate / self.row.rate, self.row.drain or float("inf"))
        fleet.pace = self._speed.pace

    @property
    def rss(self) -> float:
        """What the adapter takes now, MB."""
        resident: int = psutil.Process(self.adapter.process.pid).memory_info().rss
        return resident / MB

    def excuse_acknowledged(self) -> None:
        """What was acknowledged until now is thrown away on purpose."""
        for device in self.fleet.devices:
            self.excused[device.name] = set(device.story.acknowledged)

    async def replace_adapter(
        self, variables: dict[str, str], environ: dict[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        """End the adapter in good order, and start another one, with these variables besides."""
        await self.read_figures()
        code = await self.aside(self.adapter.stop)
        if code:
            self.row.broken.append(f"the adapter ended with {code}")
        await self.start_another(variables, environ, prefix)

    async def start_another(
        self, variables: dict[str, str], environ: dict[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        """Start another adapter, when the one before has ended; devices find it."""
        self.adapter.close()
        self.adapter = self._new_adapter(variables)
        self.adapter.environ |= environ or {}
        self.adapter.prefix += prefix
        if self.proxy is not None:
            self.proxy.target = self.adapter.port
        await self.aside(self.adapter.start)

    async def read_figures(self) -> None:
        """Take the adapter's own figures; before it is ended on purpose, and at the end."""
        metrics = await self.aside(self.adapter.metrics)
        for (name, labels), value in metrics.items():
            if name == "adapter_ledger_difference":
                self.row.ledger += abs(value)
            elif name == "adapter_kafka_records_resubmitted_total":
                self.row.repeats += value
            elif name == "adapter_connections_closed_total" and dict(labels)["cause"] not in NOT_OUR_DOING:
                self.row.closed += value

    # -- the run -----------------------------------------------------------------------------------------------------

    async def run(self, messages: int) -> Row:
        """Let the fault play while at least so many messages are acknowledged."""
        began = time.monotonic()
        if self.fault.prepare is not None:
            await self.aside(self.fault.prepare, self)
        await self.aside(self.adapter.start)
        watching = asyncio.get_running_loop().create_task(self._watch())
        fleet = self.fleet
        try:
            self.full_speed()
            await fleet.start()
            await asyncio.sleep(WARM_SECONDS)
            acked, then = fleet.acked, time.monotonic()
            await asyncio.sleep(self._speed.measured)
            self.row.rate = (fleet.acked - acked) / (time.monotonic() - then)
            fleet.pace = self._speed.pace
            self._playing = True
            await self.fault.play(self)
            self._playing = False
            self.full_speed()
            await until(lambda: fleet.acked >= messages, RECOVER_SECONDS + messages / self._speed.pace)
            try:
                await fleet.quiet(ANSWER_SECONDS)
            except TimeoutError:
                self.row.broken.append(f"{fleet.unanswered} messages were never answered")
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await fleet.stop()
        await self.read_figures()
        code = await self.aside(self.adapter.stop)
        if code:
            self.row.broken.append(f"the adapter ended with {code}")
        return await self.aside(self._judged, time.monotonic() - began)

    async def _watch(self) -> None:
        """Note the most memory that the adapter takes, and the longest time in which no device gets a PUBACK."""
        acked, since = 0, time.monotonic()
        while True:
            with contextlib.suppress(psutil.Error):  # it is being replaced
                self.row.rss = max(self.row.rss, self.rss)
            if self.fleet.acked != acked:
                acked, since = self.fleet.acked, time.monotonic()
            elif self._playing:
                self.row.gap = max(self.row.gap, time.monotonic() - since)
            await asyncio.sleep(WATCH_SECONDS)

    def _judged(self, seconds: float) -> Row:
        records = read_all(self.cluster.internal, self.topic, timeout=READ_SECONDS)
        stories = [device.story for device in self.fleet.devices]
        acknowledged = sum(len(story.acknowledged) for story in stories)
        for story in stories:
            story.acknowledged -= self.excused.get(story.name, set())
        row = self.row
        row.verdict = judge(stories, _sightings(records), repeats=int(row.repeats))
        row.excused = acknowledged - row.verdict.acknowledged
        row.rss_limit = (int(self.fault.variables.get("MAX_PENDING_BYTES", BUDGET)) + RSS_BESIDES) / MB
        row.gave_up = sum(device.gave_up for device in self.fleet.devices)
        row.seconds = seconds
        row.judge_figures(self.fault)
        return row

    def close(self) -> None:
        """End what runs."""
        self.adapter.close()
        if self.proxy is not None:
            self.proxy.close()


def _sightings(records: Iterable[Record]) -> Iterable[Sighting]:
    for record in records:
        device, number, _ = (record.value or b"?:-1:").split(b":", 2)
        yield Sighting(record.topic, record.partition, device.decode(), int(number))
