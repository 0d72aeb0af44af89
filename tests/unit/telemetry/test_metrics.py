"""`adapter.telemetry.metrics`: what Prometheus reads is what the plain counters hold, in a bounded number of series."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from adapter.counters import DeliveryCounters, FrontEndCounters, Ledger
from adapter.reasons import CloseCause, Limit, Reason, ReasonCode
from adapter.telemetry.metrics import CONNACK_CODES, PACKET_TYPES, WILL_CAUSES, Sources, make_registry

if TYPE_CHECKING:
    from collections.abc import Mapping

ADAPTER = Path(__file__).parents[3] / "adapter"


@dataclass
class FakePipeline:
    """Lanes that hold what they are told."""

    counters: DeliveryCounters = field(default_factory=DeliveryCounters)
    content: dict[str, int] = field(default_factory=lambda: {"lanes": 0, "queued_runs": 0, "in_flight_records": 0})

    def fill(self) -> Mapping[str, int]:
        """Tell it."""
        return self.content


@dataclass
class FakeProducer:
    """A producer in any state."""

    ready: bool = False
    replacements: int = 0


@dataclass
class FakeBudget:
    """A budget in any state."""

    limit: int = 1000
    used: int = 0
    waiting: int = 0


@dataclass
class FakeListeners:
    """Listeners without TLS, or with a certificate."""

    certificate_expiry: float | None = None


@pytest.fixture
def sources() -> Sources:
    """Make an adapter that has done nothing yet."""
    return Sources(
        front_end=FrontEndCounters(),
        ledger=Ledger(),
        pipeline=FakePipeline(),
        budget=FakeBudget(),
        producer=FakeProducer(),
        listeners=FakeListeners(),
        version="1.2.3",
        started=1_700_000_000.0,
    )


def scrape(sources: Sources) -> dict[str, float]:
    """Read every series as Prometheus does: `name{label="value"}` → value."""
    text = generate_latest(make_registry(sources)).decode()
    return {
        sample.name + ("{" + ",".join(f"{k}={v}" for k, v in sample.labels.items()) + "}" if sample.labels else ""): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_names_are_those_that_dashboards_use(sources: Sources) -> None:
    names = {re.sub(r"\{.*|_(bucket|sum|count)\b.*", "", series) for series in scrape(sources)}
    assert names == {
        "adapter_build_info",
        "adapter_connections",
        "adapter_connections_accepted_total",
        "adapter_connections_closed_total",
        "adapter_connections_paused",
        "adapter_connections_waiting",
        "adapter_connects_refused_total",
        "adapter_limited_total",
        "adapter_dead_letters_total",
        "adapter_event_loop_lag_seconds",
        "adapter_open_files_exhausted_total",
        "adapter_kafka_batch_bytes_total",
        "adapter_kafka_batch_records",
        "adapter_kafka_batch_retries_total",
        "adapter_kafka_batches_failed_total",
        "adapter_kafka_batches_sent_total",
        "adapter_kafka_producer_replacements_total",
        "adapter_kafka_ready",
        "adapter_kafka_records_resubmitted_total",
        "adapter_kafka_seconds",
        "adapter_lanes",
        "adapter_lanes_in_flight_records",
        "adapter_lanes_queued_runs",
        "adapter_ledger_difference",
        "adapter_messages_acknowledged_total",
        "adapter_messages_dropped_total",
        "adapter_messages_joined_total",
        "adapter_messages_pending",
        "adapter_messages_received_total",
        "adapter_messages_refused_total",
        "adapter_messages_unknown_total",
        "adapter_messages_unreleased",
        "adapter_mqtt_packets_received_total",
        "adapter_mqtt_packets_sent_total",
        "adapter_mqtt_received_bytes_total",
        "adapter_mqtt_sent_bytes_total",
        "adapter_pending_bytes",
        "adapter_pending_bytes_limit",
        "adapter_puback_seconds",
        "adapter_sessions_forgotten_total",
        "adapter_sessions_kept",
        "adapter_start_time_seconds",
        "adapter_will_bytes",
        "adapter_wills",
        "adapter_wills_published_total",
    }


def test_every_series_exists_from_the_start_with_zero(sources: Sources) -> None:
    """Otherwise `rate()` would not see the first refusal, drop or close of a kind."""
    series = scrape(sources)
    not_zero = {name for name, value in series.items() if value}
    assert not_zero == {
        "adapter_build_info{version=1.2.3}",
        "adapter_start_time_seconds",
        "adapter_pending_bytes_limit",
    }
    for name in (
        *(f"adapter_messages_dropped_total{{qos=0,reason={reason}}}" for reason in Reason),
        "adapter_messages_dropped_total{qos=1,reason=budget}",
        "adapter_messages_refused_total{qos=1,reason=kafka_topic_missing}",
        "adapter_messages_pending{qos=1}",
        *(f"adapter_connections_closed_total{{cause={cause}}}" for cause in CloseCause),
        *(f"adapter_connects_refused_total{{reason={code.name.lower()}}}" for code in CONNACK_CODES),
        "adapter_mqtt_packets_received_total{type=publish}",
        "adapter_mqtt_packets_sent_total{type=puback}",
        *(f"adapter_wills_published_total{{cause={cause}}}" for cause in WILL_CAUSES),
    ):
        assert name in series


def test_what_cannot_happen_is_not_shown_before_it_does(sources: Sources) -> None:
    """A message with QoS 0 is never refused, one with QoS 1 never for having QoS 0."""
    series = scrape(sources)
    assert [name for name in series if name.startswith("adapter_messages_refused_total{qos=0")] == []
    assert "adapter_messages_refused_total{qos=1,reason=event_qos_0}" not in series
    sources.ledger.refused[0][Reason.BAD_TOPIC] += 1
    assert scrape(sources)["adapter_messages_refused_total{qos=0,reason=bad_topic}"] == 1


def test_the_ledger_is_shown_per_qos_and_balances(sources: Sources) -> None:
    ledger = sources.ledger
    ledger.received[1] = 15
    ledger.acknowledged[1] = 5
    ledger.refused[1][Reason.TOO_LARGE] = 4
    ledger.dropped[1][Reason.TIMEOUT] = 3
    ledger.unknown[1] = 2
    ledger.pending[1] = 1
    series = scrape(sources)
    assert series["adapter_messages_received_total{qos=1}"] == 15
    assert series["adapter_messages_acknowledged_total{qos=1}"] == 5
    assert series["adapter_messages_refused_total{qos=1,reason=too_large}"] == 4
    assert series["adapter_messages_dropped_total{qos=1,reason=timeout}"] == 3
    assert series["adapter_messages_unknown_total{qos=1}"] == 2
    assert series["adapter_messages_pending{qos=1}"] == 1
    assert series["adapter_ledger_difference{qos=1}"] == 0
    ledger.received[1] = 16
    assert scrape(sources)["adapter_ledger_difference{qos=1}"] == 1


def test_the_front_end_is_shown(sources: Sources) -> None:
    front_end = sources.front_end
    front_end.connections = 7
    front_end.connections_accepted = 9
    front_end.paused = 2
    front_end.connects_refused[ReasonCode.NOT_AUTHORIZED] = 3
    front_end.closed[CloseCause.KEEP_ALIVE] = 4
    front_end.packets_received[3] = 5
    front_end.packets_sent[4] = 6
    front_end.bytes_received = 100
    front_end.bytes_sent = 200
    series = scrape(sources)
    assert series["adapter_connections"] == 7
    assert series["adapter_connections_accepted_total"] == 9
    assert series["adapter_connections_paused"] == 2
    assert series["adapter_connects_refused_total{reason=not_authorized}"] == 3
    assert series["adapter_connections_closed_total{cause=keep_alive}"] == 4
    assert series["adapter_mqtt_packets_received_total{type=publish}"] == 5
    assert series["adapter_mqtt_packets_sent_total{type=puback}"] == 6
    assert series["adapter_mqtt_received_bytes_total"] == 100
    assert series["adapter_mqtt_sent_bytes_total"] == 200


def test_delivery_is_shown(sources: Sources) -> None:
    sources.pipeline.counters.batches_sent = 3
    sources.pipeline.counters.batches_failed = 2
    sources.pipeline.counters.retries = 1
    sources.pipeline.counters.resubmitted = 7
    sources.pipeline.counters.batch_bytes = 4096
    assert isinstance(sources.budget, FakeBudget)
    sources.budget.used = 900
    sources.budget.waiting = 2
    assert isinstance(sources.pipeline, FakePipeline)
    sources.pipeline.content = {"lanes": 4, "queued_runs": 5, "in_flight_records": 6}
    assert isinstance(sources.producer, FakeProducer)
    sources.producer.ready = True
    sources.producer.replacements = 8
    series = scrape(sources)
    assert series["adapter_kafka_batches_sent_total"] == 3
    assert series["adapter_kafka_batches_failed_total"] == 2
    assert series["adapter_kafka_batch_retries_total"] == 1
    assert series["adapter_kafka_records_resubmitted_total"] == 7
    assert series["adapter_kafka_batch_bytes_total"] == 4096
    assert series["adapter_pending_bytes"] == 900
    assert series["adapter_pending_bytes_limit"] == 1000
    assert series["adapter_connections_waiting"] == 2
    assert series["adapter_lanes"] == 4
    assert series["adapter_lanes_queued_runs"] == 5
    assert series["adapter_lanes_in_flight_records"] == 6
    assert series["adapter_kafka_ready"] == 1
    assert series["adapter_kafka_producer_replacements_total"] == 8


def test_a_histogram_is_cumulative_as_prometheus_wants_it(sources: Sources) -> None:
    seconds = sources.front_end.puback_seconds
    seconds.observe(0.001)
    seconds.observe(0.002, count=2)
    seconds.observe(500.0)
    series = scrape(sources)
    assert series["adapter_puback_seconds_bucket{le=0.001}"] == 1
    assert series["adapter_puback_seconds_bucket{le=0.0025}"] == 3
    assert series["adapter_puback_seconds_bucket{le=120.0}"] == 3
    assert series["adapter_puback_seconds_bucket{le=+Inf}"] == 4
    assert series["adapter_puback_seconds_count"] == 4
    assert series["adapter_puback_seconds_sum"] == pytest.approx(500.005)


def test_the_number_of_series_is_bounded_whatever_devices_do(sources: Sources) -> None:
    """Every label value is from a fixed set, also when everything that can be counted was counted."""
    ledger = sources.ledger
    for qos in range(3):
        for reason in Reason:
            ledger.refused[qos][reason] += 1
            ledger.dropped[qos][reason] += 1
    for code in ReasonCode:
        sources.front_end.connects_refused[code] += 1
    for cause in CloseCause:
        sources.front_end.closed[cause] += 1
    for limit in Limit:
        sources.front_end.limited[limit] += 1
    families = list(text_string_to_metric_families(generate_latest(make_registry(sources)).decode()))
    values: dict[str, set[str]] = {}
    for family in families:
        for sample in family.samples:
            for label, value in sample.labels.items():
                values.setdefault(label, set()).add(value)
    bounds = values.pop("le")
    assert len(bounds) < 40
    assert values == {
        "version": {"1.2.3"},
        "qos": {"0", "1", "2"},
        "reason": {*Reason, *(code.name.lower() for code in ReasonCode)},
        "cause": set(CloseCause),
        "limit": set(Limit),
        "type": set(PACKET_TYPES),
    }
    assert sum(len(family.samples) for family in families) < 350


def test_a_code_of_a_connack_has_one_series() -> None:
    assert len(set(CONNACK_CODES)) == len(CONNACK_CODES)


def test_the_expiry_of_the_certificate_is_told_where_there_is_one(sources: Sources) -> None:
    series = "adapter_certificate_expiry_timestamp_seconds"
    assert series not in scrape(sources)
    sources = replace(sources, listeners=FakeListeners(1_800_000_000.0))
    assert scrape(sources)[series] == 1_800_000_000.0
