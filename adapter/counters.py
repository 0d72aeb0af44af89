"""Plain integers that the hot path increments; `telemetry/metrics.py` reads them when Prometheus scrapes.

Imports only the standard library. Nothing here can fail, wait or log.
"""

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapter.reasons import CloseCause, Limit, Reason, ReasonCode

# Seconds, from an idle broker on the loopback interface to the delivery timeout.
LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
BATCH_RECORDS_BOUNDS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)


class Histogram:
    """Counts the observations at or below each bound; the last count is for those above all bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """Add `count` observations of `value`."""
        self.counts[bisect_left(self.bounds, value)] += count
        self.sum += value * count


class FrontEndCounters:
    """What the MQTT side counts. The lists are indexed by packet type (1 CONNECT … 15 AUTH)."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "closed",
        "connections",
        "connections_accepted",
        "connects_refused",
        "joined",
        "limited",
        "packets_received",
        "packets_sent",
        "paused",
        "puback_seconds",
        "receipts_wanted",
        "sessions_forgotten",
        "sessions_kept",
        "unreleased",
        "will_bytes",
        "wills",
        "wills_published",
    )

    def __init__(self) -> None:
        self.connections = 0  # open sockets now
        self.connections_accepted = 0
        self.connects_refused: Counter[ReasonCode] = Counter()
        self.closed: Counter[CloseCause] = Counter()
        self.joined = 0  # publishes that repeated a pending one: one record for both
        self.limited: Counter[Limit] = Counter()  # by the limit that was reached
        self.paused = 0  # connections that are not read now
        self.packets_received = [0] * 16
        self.packets_sent = [0] * 16
        self.bytes_received = 0
        self.bytes_sent = 0
        self.puback_seconds = Histogram(LATENCY_BOUNDS)  # from reading a PUBLISH to writing its PUBACK or PUBREC
        self.receipts_wanted = 0  # open connections that get Kafka receipts
        self.sessions_kept = 0  # of disconnected devices
        self.sessions_forgotten = 0  # because there were too many
        self.unreleased = 0  # QoS 2 messages between PUBREC and PUBREL, in all sessions
        self.wills = 0  # kept, or published and without an outcome
        self.will_bytes = 0
        self.wills_published: Counter[CloseCause] = Counter()  # by the cause that ended the connection


class Ledger:
    """Where every message is, per QoS: received = acknowledged + refused + dropped + unknown + pending, always.

    `pending` is counted independently, up when a lane takes a message and down when the message gets an outcome, so
    that a mistake breaks the equation and tests can see it.
    """

    __slots__ = ("acknowledged", "dropped", "pending", "received", "refused", "unknown")

    def __init__(self) -> None:
        self.received = [0, 0, 0]
        self.acknowledged = [0, 0, 0]
        self.unknown = [0, 0, 0]
        self.pending = [0, 0, 0]
        self.refused: tuple[Counter[Reason], ...] = (Counter(), Counter(), Counter())
        self.dropped: tuple[Counter[Reason], ...] = (Counter(), Counter(), Counter())

    def difference(self, qos: int) -> int:
        """Return the unaccounted messages of this QoS. Any value but 0 is a bug in the adapter."""
        accounted = (
            self.acknowledged[qos]
            + self.refused[qos].total()
            + self.dropped[qos].total()
            + self.unknown[qos]
            + self.pending[qos]
        )
        return self.received[qos] - accounted


class DeliveryCounters:
    """The pipeline's counters besides the ledger."""

    __slots__ = (
        "batch_bytes",
        "batch_records",
        "batches_failed",
        "batches_sent",
        "dead_letters",
        "kafka_seconds",
        "resubmitted",
        "retries",
    )

    def __init__(self) -> None:
        self.batches_sent = 0
        self.batches_failed = 0
        self.retries = 0
        self.resubmitted = 0  # records that Kafka may already have had when they were sent again
        self.batch_bytes = 0
        # Per QoS: messages sent to the dead-letter topic. The ledger counts their outcome like that of all others.
        self.dead_letters: tuple[Counter[Reason], ...] = (Counter(), Counter(), Counter())
        self.batch_records = Histogram(BATCH_RECORDS_BOUNDS)
        self.kafka_seconds = Histogram(LATENCY_BOUNDS)  # from handing a batch to the producer to its outcome
