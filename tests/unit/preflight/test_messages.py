"""`adapter.preflight.messages`: whether a topic takes what is written."""

from __future__ import annotations

import pytest

from adapter.kafka.inspection import ClockFacts, TopicFacts
from adapter.preflight.finding import Finding, Verdict
from adapter.preflight.messages import Written, check_messages

USUAL = {
    "cleanup.policy": "delete",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": "3600000",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.insync.replicas": "2",
}
IN_STEP = ClockFacts(0.0)


def findings(*, ahead: float | None = 0.0, keys: bool = True, without: str = "", **config: str) -> dict[str, Finding]:
    """By check; the names of `config` with `_` for `.`."""
    changed = USUAL | {name.replace("_", "."): value for name, value in config.items()}
    changed.pop(without, None)
    written = Written(packet=262_144, besides=16_384, batch=524_288, delivery_timeout=120_000, keys=keys)
    return {found.check: found for found in check_messages(TopicFacts("t", config=changed), written, ClockFacts(ahead))}


def test_kafkas_defaults_are_good() -> None:
    found = findings()
    assert list(found) == ["size", "timestamps", "clean-up"]
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}


@pytest.mark.parametrize(
    ("most", "verdict"),
    [
        ("524288", Verdict.OK),
        ("524287", Verdict.WARNING),
        ("262144", Verdict.WARNING),
        ("262143", Verdict.FAILED),
    ],
)
def test_a_topic_takes_whole_batches_or_at_least_every_message(most: str, verdict: Verdict) -> None:
    finding = findings(max_message_bytes=most)["size"]
    assert finding.verdict is verdict
    assert ("524288" in finding.fix) == (verdict is not Verdict.OK)


@pytest.mark.parametrize(("most", "warned"), [("278527", True), ("278528", False)])
def test_the_largest_packet_needs_room_for_its_key_and_headers(most: str, *, warned: bool) -> None:
    finding = findings(max_message_bytes=most)["size"]
    assert ("room for key and headers" in finding.text) == warned
    assert (f"lower ADAPTER_MQTT__MAX_PACKET_SIZE to {int(most) - 16_384}" in finding.fix) == warned


@pytest.mark.parametrize(
    ("policy", "keys", "verdict"),
    [
        ("delete", False, Verdict.OK),
        ("compact", True, Verdict.WARNING),
        ("compact,delete", True, Verdict.WARNING),
        ("compact", False, Verdict.FAILED),
    ],
)
def test_a_compacted_topic_keeps_one_record_of_a_device_and_refuses_those_without_a_key(
    policy: str, *, keys: bool, verdict: Verdict
) -> None:
    assert findings(cleanup_policy=policy, keys=keys)["clean-up"].verdict is verdict


def test_kafkas_own_timestamps_are_a_warning() -> None:
    assert findings(message_timestamp_type="LogAppendTime")["timestamps"].verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("limits", "ahead", "verdict"),
    [
        ({"message_timestamp_before_max_ms": "120000"}, 0.0, Verdict.OK),
        ({"message_timestamp_before_max_ms": "120000"}, -5.0, Verdict.OK),
        ({"message_timestamp_before_max_ms": "120000"}, 5.0, Verdict.WARNING),
        ({"message_timestamp_before_max_ms": "119999"}, None, Verdict.WARNING),
        ({"message_timestamp_before_max_ms": "5000"}, 6.0, Verdict.FAILED),
        ({"message_timestamp_after_max_ms": "5000"}, -4.0, Verdict.OK),
        ({"message_timestamp_after_max_ms": "5000"}, -6.0, Verdict.FAILED),
    ],
)
def test_timestamps_are_within_the_limits_by_kafkas_clock(
    limits: dict[str, str], ahead: float | None, verdict: Verdict
) -> None:
    assert findings(ahead=ahead, **limits)["timestamps"].verdict is verdict


def test_a_broker_that_knows_no_limits_of_timestamps_has_none() -> None:
    assert findings(without="message.timestamp.before.max.ms")["timestamps"].verdict is Verdict.OK


def test_what_may_not_be_read_is_unknown() -> None:
    written = Written(packet=1, besides=1, batch=1, delivery_timeout=1)
    [finding] = check_messages(TopicFacts("t", config_error="TOPIC_AUTHORIZATION_FAILED"), written, IN_STEP)
    assert finding.verdict is Verdict.UNKNOWN
    assert "TOPIC_AUTHORIZATION_FAILED" in finding.text
    assert finding.fix.startswith("allow DescribeConfigs on t")
