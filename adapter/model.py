"""The values that flow through the adapter, from PUBLISH to Kafka and back. Imports only the standard library.

    Connect → Identity                       who publishes
    PublishHeader + Identity → RecordTemplate | Refusal       what routing makes of it
    Route = RecordTemplate + lane            what a connection caches for a topic
    Run = consecutive publishes of one connection to one route          what lanes, windows and ledger handle
    Batch = runs of one lane                 what Kafka gets in one piece

`Run` is the unit of the hot path: a device that pipelines 200 publishes costs a few objects, not 200.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from adapter.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

Header = tuple[str, bytes]


class Delivery(Enum):
    """What an operator asks of a message (the source document's AT LEAST ONCE and AT MOST ONCE)."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


@dataclass(frozen=True, slots=True)
class PublishProperties:
    """The PUBLISH properties of MQTT 5.0 that reach the record (section 3.3.2.3). Expiry in seconds."""

    payload_format: int | None = None
    message_expiry: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    topic_alias: int | None = None


NO_PROPERTIES = PublishProperties()


@dataclass(frozen=True, slots=True)
class Will:
    """The Will of a CONNECT: what is published when the device is lost, `delay` seconds after that."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    delay: int = 0
    properties: PublishProperties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet. `level` is 4 (MQTT 3.1.1) or 5; times are seconds; the properties have 5.0's defaults."""

    level: int
    client_id: str
    clean_start: bool
    keep_alive: int
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: Will | None = None
    session_expiry: int = 0
    receive_maximum: int = 65_535
    maximum_packet_size: int | None = None
    topic_alias_maximum: int = 0
    request_response_information: bool = False
    request_problem_information: bool = True
    user_properties: tuple[tuple[str, str], ...] = ()
    authentication_method: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a connection is, once authenticated.

    `tenant` and `device_id` are None when the credentials name no device in Hono's convention `{auth-id}@{tenant}`
    (anonymous, or a plain user name): then only the topic can name them, and only where authentication is not required.
    """

    client_id: str
    username: str | None = None
    tenant: str | None = None
    device_id: str | None = None
    gateway: bool = False
    plugin_session: object = field(default=None, repr=False, compare=False)  # for `adapter.identity` alone


@dataclass(frozen=True, slots=True)
class PublishHeader:
    """What a PUBLISH says about its message, all but payload and packet identifier."""

    topic: str
    qos: int
    retain: bool = False
    properties: PublishProperties = NO_PROPERTIES


class EmptyPayload(Enum):
    """Whether the payload of a message may be empty, or must be, by what its topic and content type say."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message is refused for good; `text` is for people: the device's Reason String, the operator's log."""

    reason: Reason
    text: str


NO_CONTENT_TYPE = Refusal(Reason.EMPTY_PAYLOAD, "an empty payload needs a content type")
NOT_EMPTY = Refusal(Reason.PAYLOAD_FORMAT, "the content type says that the payload is empty, but it is not")
NOT_TEXT = Refusal(Reason.PAYLOAD_FORMAT, "the payload is not UTF-8, as its Payload Format Indicator says")
PAYLOAD_REFUSALS = (NO_CONTENT_TYPE, NOT_EMPTY, NOT_TEXT)


@dataclass(frozen=True, slots=True)
class RecordTemplate:
    """The Kafka record that a PublishHeader leads to, all but partition, value, timestamp and `creation-time`.

    `headers` are in the order of the record contract, without `creation-time`, which every record has as its first.
    `route` names the rule that matched, for `explain`. `delivery` is None where the operator's setting applies.
    `expiry` are the seconds for which the message may wait for Kafka; None: for as long as the operator lets it.
    `refusal` is set in a dead letter: why the message is not in the topic that it was meant for.
    """

    topic: str
    key: bytes | None
    headers: tuple[Header, ...]
    route: str
    empty_payload: EmptyPayload = EmptyPayload.ALLOWED
    delivery: Delivery | None = None
    refusal: Refusal | None = None
    expiry: int | None = None

    def refuse_payload(self, size: int) -> Refusal | None:
        """Say why a payload of `size` bytes cannot be the value of this record; None if it can."""
        if size:
            return NOT_EMPTY if self.empty_payload is EmptyPayload.REQUIRED else None
        return NO_CONTENT_TYPE if self.empty_payload is EmptyPayload.REFUSED else None

    @property
    def overhead(self) -> int:
        """Bytes a record needs beyond its payload, never too few."""
        return (
            RECORD_OVERHEAD
            + len(self.key or b"")
            + sum(len(name.encode()) + len(value) + HEADER_OVERHEAD for name, value in self.headers)
        )


class DeliveryStatus(Enum):
    """How a message ended: the columns of the ledger."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: its fate, with the reason when Kafka does not have it."""

    status: DeliveryStatus
    reason: Reason | None = None
    text: str = ""


ACKNOWLEDGED = Outcome(DeliveryStatus.ACKNOWLEDGED)


# Kafka topic, partition, and the offset of a run's first record; -1 where Kafka does not tell it.
RecordMetadata = tuple[str, int, int]


class Owner(Protocol):
    """The connection whose publishes a run holds, as delivery sees it.

    `waited_seconds`: how long the bytes that it takes now have been in its receive buffer.
    `record_metadata`: where in Kafka its acknowledged runs are, filled before `settled`; None: nobody asks.
    """

    pending_bytes: int
    waited_seconds: (
        float  # seconds that what it puts into a lane now has waited before: it was read, and could not be taken
    )

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


# Kafka's record format v2: length, attributes, timestamp delta, offset delta, key length, value length, header count
# are at most 5 + 1 + 5 + 5 + 5 + 5 + 5 bytes; `creation-time` takes 2 + 13 + 13; a header's two lengths at most 3 each.
RECORD_OVERHEAD = 31 + 28
HEADER_OVERHEAD = 6


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
