"""The metrics, read from plain integers when Prometheus scrapes: the hot path knows nothing of Prometheus.

Every series exists from the start, with 0, so that `rate()` sees the first event too. Every label value comes from a
fixed set (an enum, a list in this file), never from a device, so the number of series cannot grow with the fleet.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from adapter.reasons import NEVER_ACCEPTED, PUBACK_CODE, UNAUTHORIZED, CloseCause, Limit, Reason, ReasonCode
from adapter.telemetry.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from adapter.counters import Histogram

__all__ = ["AdapterCollector", "Sources", "make_registry"]

Label = TypeVar("Label")

# By number (MQTT 5.0 section 2.1.2).
PACKET_TYPES = (
    "reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback",
    "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth",
)  # fmt: skip

# The causes that can publish a Will.
WILL_CAUSES = tuple(cause for cause in CloseCause if cause not in NEVER_ACCEPTED)

# The reason codes of a CONNACK (MQTT 5.0 section 3.2.2.2) that a server like this one may use.
CONNACK_CODES = (
    ReasonCode.UNSPECIFIED_ERROR,
    ReasonCode.MALFORMED_PACKET,
    ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode.PROTOCOL_ERROR,
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD,
    ReasonCode.NOT_AUTHORIZED,
    ReasonCode.SERVER_UNAVAILABLE,
    ReasonCode.SERVER_BUSY,
    ReasonCode.BAD_AUTHENTICATION_METHOD,
    ReasonCode.TOPIC_NAME_INVALID,
    ReasonCode.PACKET_TOO_LARGE,
    ReasonCode.QUOTA_EXCEEDED,
    ReasonCode.PAYLOAD_FORMAT_INVALID,
    ReasonCode.QOS_NOT_SUPPORTED,
    ReasonCode.CONNECTION_RATE_EXCEEDED,
)

# A QoS 1 or 2 message is refused for reasons that a PUBACK can express, and dropped for all others. A QoS 0 message is
# only ever dropped, because it gets no answer.
REFUSALS = tuple(PUBACK_CODE)
DROPS = tuple(reason for reason in Reason if reason not in PUBACK_CODE)


def make_registry(sources: Sources) -> CollectorRegistry:
    """Make a registry with the adapter's metrics. The HTTP endpoint adds those of the process."""
    registry = CollectorRegistry()
    registry.register(AdapterCollector(sources))
    return registry


class AdapterCollector(Collector):
    """Reads the counters of one adapter. Must be called in the event loop's thread, where they change."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics. No other code runs in between, so they are consistent."""
        yield from self._service()
        yield from self._ledger()
        yield from self._front_end()
        yield from self._delivery()

    def _service(self) -> Iterator[Metric]:
        sources = self._sources
        build = GaugeMetricFamily("adapter_build_info", "Always 1; the version is in the label.", labels=["version"])
        build.add_metric([sources.version], 1)
        yield build
        yield _gauge(
            "adapter_start_time_seconds", "When the adapter started, seconds since the epoch.", sources.started
        )
        yield _histogram(
            "adapter_event_loop_lag_seconds", "How late a timer of the event loop was.", sources.loop_lag.seconds
        )
        yield CounterMetricFamily(
            "adapter_open_files_exhausted",
            "Seconds in which no file descriptor was left: new connections are reset.",
            sources.open_files.exhausted,
        )

    def _ledger(self) -> Iterator[Metric]:
        ledger = self._sources.ledger
        every_qos = range(len(ledger.received))
        for name, text, counts in (
            ("received", "Messages received from devices.", ledger.received),
            ("acknowledged", "Messages that Kafka acknowledged as configured.", ledger.acknowledged),
            ("unknown", "Messages given up without knowing whether Kafka has them.", ledger.unknown),
        ):
            yield _counter(f"adapter_messages_{name}", text, ["qos"], [([str(qos)], counts[qos]) for qos in every_qos])
        for name, text, per_qos in (
            ("refused", "Messages refused for good; the device was told.", ledger.refused),
            (
                "dropped",
                "Messages that Kafka does not have, without a refusal to the device.",
                ledger.dropped,
            ),
        ):
            rows = [
                ([str(qos), reason.value], count)
                for qos in every_qos
                for reason, count in _with_zeros(per_qos[qos], _reasons(name, qos)).items()
            ]
            yield _counter(f"adapter_messages_{name}", text, ["qos", "reason"], rows)
        pending = GaugeMetricFamily("adapter_messages_pending", "Messages that wait for Kafka.", labels=["qos"])
        difference = GaugeMetricFamily(
            "adapter_ledger_difference",
            "Unaccounted messages: received less all of the above. Any value but 0 is a bug in the adapter.",
            labels=["qos"],
        )
        for qos in every_qos:
            pending.add_metric([str(qos)], ledger.pending[qos])
            difference.add_metric([str(qos)], ledger.difference(qos))
        yield pending
        yield difference

    def _front_end(self) -> Iterator[Metric]:
        front_end = self._sources.front_end
        yield _gauge("adapter_connections", "Open connections.", front_end.connections)
        yield _gauge("adapter_connections_paused", "Connections that are not read now.", front_end.paused)
        yield _counter(
            "adapter_connections_accepted", "Connections accepted.", [], [([], front_end.connections_accepted)]
        )
        refused = [
            ([code.name.lower()], count)
            for code, count in _with_zeros(front_end.connects_refused, CONNACK_CODES).items()
        ]
        yield _counter("adapter_connects_refused", "CONNECT packets that were refused.", ["reason"], refused)
        rows = [([cause.value], count) for cause, count in _with_zeros(front_end.closed, CloseCause).items()]
        yield _counter("adapter_connections_closed", "Connections that ended.", ["cause"], rows)
        limited = [([limit.value], count) for limit, count in _with_zeros(front_end.limited, Limit).items()]
        yield _counter("adapter_limited", "How often a limit was reached.", ["limit"], limited)
        yield _gauge(
            "adapter_wills", "Wills that are stored, or published and not yet answered by Kafka.", front_end.wills
        )
        yield _gauge("adapter_will_bytes", "Memory that these Wills use.", front_end.will_bytes)
        published = _with_zeros(front_end.wills_published, WILL_CAUSES)
        rows = [([cause.value], count) for cause, count in published.items()]
        yield _counter(
            "adapter_wills_published", "Wills that became messages; the ledger has their outcome.", ["cause"], rows
        )
        yield _counter(
            "adapter_messages_joined",
            "Publishes that repeated a pending one, or one of QoS 2 before its PUBREL; not counted as received again.",
            [],
            [([], front_end.joined)],
        )
        yield _gauge("adapter_sessions_kept", "Sessions of disconnected devices.", front_end.sessions_kept)
        yield _counter(
            "adapter_sessions_forgotten",
            "Sessions discarded before they expired, because there were too many.",
            [],
            [([], front_end.sessions_forgotten)],
        )
        yield _gauge("adapter_messages_unreleased", "QoS 2 messages between PUBREC and PUBREL.", front_end.unreleased)
        for direction, counts in (("received", front_end.packets_received), ("sent", front_end.packets_sent)):
            rows = [([name], count) for name, count in zip(PACKET_TYPES, counts, strict=True)]
            yield _counter(f"adapter_mqtt_packets_{direction}", f"MQTT packets {direction}.", ["type"], rows)
        for direction, count in (("received", front_end.bytes_received), ("sent", front_end.bytes_sent)):
            yield _counter(f"adapter_mqtt_{direction}_bytes", f"Bytes of MQTT {direction}.", [], [([], count)])
        yield _histogram(
            "adapter_puback_seconds",
            "From reading a publish with QoS 1 or 2 to writing its PUBACK or PUBREC.",
            front_end.puback_seconds,
        )

    def _delivery(self) -> Iterator[Metric]:
        delivery = self._sources.pipeline.counters
        for name, text, count in (
            ("batches_sent", "Batches handed to Kafka, retries among them.", delivery.batches_sent),
            ("batches_failed", "Batches that Kafka did not acknowledge.", delivery.batches_failed),
            ("batch_retries", "Batches handed to Kafka again.", delivery.retries),
            (
                "records_resubmitted",
                "Records sent again that Kafka may have: with idempotence, no more duplicates are the adapter's.",
                delivery.resubmitted,
            ),
            ("batch_bytes", "Bytes of the batches handed to Kafka, before compression.", delivery.batch_bytes),
        ):
            yield _counter(f"adapter_kafka_{name}", text, [], [([], count)])
        yield _histogram("adapter_kafka_batch_records", "Records in a batch.", delivery.batch_records)
        yield _histogram(
            "adapter_kafka_seconds", "From handing a batch to the producer to its outcome.", delivery.kafka_seconds
        )
        rows = [
            ([str(qos), reason.value], count)
            for qos, counts in enumerate(delivery.dead_letters)
            for reason, count in _with_zeros(counts, _dead_letter_reasons(qos)).items()
        ]
        yield _counter(
            "adapter_dead_letters",
            "Messages refused for good and sent to the dead-letter topic; the ledger has their outcome.",
            ["qos", "reason"],
            rows,
        )
        fill = self._sources.pipeline.fill()
        yield _gauge("adapter_lanes", "Partitions that have been written to.", fill["lanes"])
        yield _gauge("adapter_lanes_queued_runs", "Groups of messages that wait for a batch.", fill["queued_runs"])
        yield _gauge("adapter_lanes_in_flight_records", "Records that are at Kafka.", fill["in_flight_records"])
        budget = self._sources.budget
        yield _gauge("adapter_pending_bytes", "Bytes of the messages that wait for Kafka.", budget.used)
        yield _gauge("adapter_pending_bytes_limit", "Limit of adapter_pending_bytes.", budget.limit)
        yield _gauge(
            "adapter_connections_waiting", "Connections that wait for room among the pending bytes.", budget.waiting
        )
        expiry = self._sources.listeners.certificate_expiry
        if expiry is not None:
            yield _gauge(
                "adapter_certificate_expiry_timestamp_seconds",
                "When the certificate that devices are shown expires, in seconds since the epoch.",
                expiry,
            )
        producer = self._sources.producer
        yield _gauge("adapter_kafka_ready", "1 when Kafka can be written to.", int(producer.ready))
        yield _counter(
            "adapter_kafka_producer_replacements",
            "Unusable producers that were replaced.",
            [],
            [([], producer.replacements)],
        )


def _reasons(status: str, qos: int) -> tuple[Reason, ...]:
    """Return the reasons that a message of this QoS can have; they are shown even with 0."""
    if status == "refused":
        return tuple(reason for reason in REFUSALS if reason is not Reason.EVENT_QOS_0) if qos else ()
    return DROPS if qos else tuple(Reason)


def _dead_letter_reasons(qos: int) -> tuple[Reason, ...]:
    """Return the reasons for which a message of this QoS can become a dead letter."""
    never = UNAUTHORIZED | {Reason.UNRELEASED} | ({Reason.EVENT_QOS_0} if qos else set())
    return tuple(reason for reason in REFUSALS if reason not in never)


def _with_zeros(counts: Mapping[Label, int], keys: Iterable[Label]) -> dict[Label, int]:
    """Add the keys that were not counted yet; unexpected keys stay visible."""
    return dict.fromkeys(keys, 0) | dict(counts)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, labels: list[str], rows: Iterable[tuple[list[str], int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    bounds = [*map(str, histogram.bounds), "+Inf"]
    buckets = [(bound, float(total)) for bound, total in zip(bounds, accumulate(histogram.counts), strict=True)]
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)
