"""Messages on their way to Kafka: runs of publishes, and batches of runs.

    Route = RecordTemplate + lane                          what a connection caches for a topic
    Run = consecutive publishes of one connection to one route   what lanes, windows and ledger handle
    Batch = runs of one lane                               what Kafka gets in one piece

`Run` is the unit of the hot path: a device that pipelines 200 publishes costs a few objects, not 200.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from adapter.model import Header, Outcome, RecordTemplate, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

# Kafka topic, partition, and the offset of a run's first record; -1 where Kafka does not tell it.
RecordMetadata = tuple[str, int, int]


class Owner(Protocol):
    """The connection whose publishes a run holds, as delivery sees it.

    `waited_seconds`: how long the bytes that it takes now have been in its receive buffer.
    `record_metadata`: where in Kafka its acknowledged runs are, filled before `settled`; None: nobody asks.
    """

    pending_bytes: int
    waited_seconds: float

    @property
    def record_metadata(self) -> dict[Any, RecordMetadata] | None:
        """See above."""

    @property
    def successors(self) -> Iterable[Owner]:
        """Later connections of its device that wait for the outcome of its messages: what ends it ends them."""

    def settled(self) -> None:
        """Some of its runs have an outcome: called once for each connection that a batch touches."""

    def fail_connection(self, outcome: Outcome, packet_ids: list[bytes]) -> bool:
        """Whether this outcome of these messages ends the connection, so that what it sent later must not land."""

    def split(self, run: Run) -> list[Run]:
        """Put two halves in the place of a run of several messages, and return them."""

    def abandon(self, fault: Exception) -> None:
        """Its own code has raised this: it ends, and nobody else."""


class Sink(Protocol):
    """Where a route's runs go: a lane."""

    @property
    def retired(self) -> bool:
        """Whether the route is to be looked up anew."""

    def put(self, run: Run) -> None:
        """Take a run, after everything that was put before it."""


# A Message Expiry Interval of 0 seconds asks for delivery at once, and nothing is sooner than the next batch: such a
# message expires only when Kafka keeps it waiting.
SHORTEST_EXPIRY = 1


class Route:
    """A RecordTemplate bound to its lane, with what the hot path needs ready. One per (connection, topic, flags)."""

    __slots__ = ("ack_on_receipt", "expiry", "lane", "overhead", "template")

    def __init__(self, template: RecordTemplate, lane: Sink, *, ack_on_receipt: bool) -> None:
        self.template = template
        self.lane = lane
        self.ack_on_receipt = ack_on_receipt
        self.overhead = template.overhead
        self.expiry: float | None = None if template.expiry is None else max(template.expiry, SHORTEST_EXPIRY)

    def aged(self, seconds: float) -> Route:
        """The same for a message that has waited so long already."""
        route = Route(self.template, self.lane, ack_on_receipt=self.ack_on_receipt)
        if self.expiry is not None:
            route.expiry = self.expiry - seconds
        return route


# What becomes of a message that is refused for good when the record it was to be is known: a route to the dead-letter
# topic, or the refusal stands.
RefusalRouting = Callable[[RecordTemplate, Refusal], Route | Refusal]


def no_dead_letters(_template: RecordTemplate, refusal: Refusal) -> Refusal:
    """Let every refusal stand: the `RefusalRouting` of an adapter without a dead-letter topic."""
    return refusal


@lru_cache(maxsize=16)
def creation_time(milliseconds: int) -> Header:
    """The header of that name; the runs of a batch share a few of them."""
    return "creation-time", b"%d" % milliseconds


# Bytes of memory that a run takes besides the size of its records. Measured on CPython 3.11: 370 for one message of 2
# bytes, of which 90 are its record's. The byte budget counts it, so a fleet of small messages stays within it too. In a
# run of many messages, the overhead that is counted for each record covers its objects.
RUN_MEMORY = 280


class Run:
    """Consecutive publishes of one connection to one route that were read together.

    `packet_ids` holds the identifiers as they stood on the wire (2 bytes each), and is empty for QoS 0.
    `size` is the bytes that its records take in a batch; `arrived_ms` the wall clock in ms since the epoch (the
    records' timestamp), `arrived` the monotonic clock in seconds. `outcome` is None while pending.
    """

    __slots__ = ("arrived", "arrived_ms", "outcome", "owner", "packet_ids", "payloads", "qos", "route", "size")

    def __init__(self, route: Route, owner: Owner, qos: int, arrived: float, arrived_ms: int) -> None:
        self.route = route
        self.owner = owner
        self.qos = qos
        self.arrived = arrived
        self.arrived_ms = arrived_ms
        self.payloads: list[bytes] = []
        self.packet_ids: list[bytes] = []
        self.size = 0
        self.outcome: Outcome | None = None

    def halves(self) -> list[Run]:
        """The same messages as two runs, in order."""
        middle = len(self.payloads) // 2
        parts = []
        for part in (slice(None, middle), slice(middle, None)):
            run = Run(self.route, self.owner, self.qos, self.arrived, self.arrived_ms)
            run.payloads = self.payloads[part]
            run.packet_ids = self.packet_ids[part]
            run.size = sum(map(len, run.payloads)) + len(run.payloads) * self.route.overhead
            parts.append(run)
        return parts

    def redirect(self, route: Route) -> None:
        """Let its messages become the records of another route."""
        self.route = route
        self.size = sum(map(len, self.payloads)) + len(self.payloads) * route.overhead

    @property
    def held(self) -> int:
        """Bytes of the byte budget that it takes while it is pending."""
        return self.size + RUN_MEMORY

    def headers(self) -> list[Header]:
        """The headers of each of its records, in the order of the record contract."""
        return [creation_time(self.arrived_ms), *self.route.template.headers]


class Batch:
    """Runs of one partition, sent in one piece. `size` in bytes, `count` in records; `base_offset` is -1 until told."""

    __slots__ = ("base_offset", "count", "partition", "runs", "sent", "size", "topic")

    def __init__(self, topic: str, partition: int, runs: list[Run], size: int, count: int) -> None:
        self.topic = topic
        self.partition = partition
        self.runs = runs
        self.size = size
        self.count = count
        self.sent = 0.0
        self.base_offset = -1

    @property
    def held(self) -> int:
        """Bytes of the byte budget that its runs take."""
        return self.size + RUN_MEMORY * len(self.runs)

    def strip(self) -> int:
        """Leave out the runs that have an outcome: nobody waits for them; returns how much of the budget they took."""
        before = self.held
        self.runs = [run for run in self.runs if run.outcome is None]
        self.size = sum(run.size for run in self.runs)
        self.count = sum(len(run.payloads) for run in self.runs)
        return before - self.held
