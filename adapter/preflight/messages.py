"""Checks whether a topic accepts what the adapter writes: sizes, timestamps, keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.preflight.finding import failed, ok, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from adapter.kafka.inspection import ClockFacts, TopicFacts
    from adapter.preflight.finding import Finding

BATCH_SIZE = "ADAPTER_KAFKA__MAX_BATCH_SIZE"
PACKET_SIZE = "ADAPTER_MQTT__MAX_PACKET_SIZE"
DELIVERY_TIMEOUT = "ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS"
LARGEST = "max.message.bytes"
BEFORE = "message.timestamp.before.max.ms"
AFTER = "message.timestamp.after.max.ms"


@dataclass(frozen=True, slots=True)
class Written:
    """The largest packet, what its record has `besides`, the largest batch, all in bytes; the oldest record in ms.

    `keys` is whether every record has a key.
    """

    packet: int
    besides: int
    batch: int
    delivery_timeout: int
    keys: bool = True


def check_messages(topic: TopicFacts, written: Written, clock: ClockFacts) -> Iterator[Finding]:
    """Check everything that the topic's configuration decides."""
    config = topic.config
    if config is None:
        text = f"sizes, timestamps and clean-up cannot be read ({topic.config_error})"
        fix = f"allow DescribeConfigs on {topic.name}, or check it with kafka-configs.sh"
        yield unknown("messages", topic.name, text, fix)
        return
    yield _size(topic.name, int(config[LARGEST]), written)
    yield _times(topic.name, config, written, clock)
    yield _cleanup(topic.name, config["cleanup.policy"], keys=written.keys)


def _size(name: str, most: int, written: Written) -> Finding:
    check = "size"
    text = f"{LARGEST}={most}"
    record = written.packet + written.besides
    if most < record:
        fix = f"raise it to {max(written.batch, record)}"
        if most > written.besides:
            fix += f", or lower {PACKET_SIZE} to {most - written.besides} and {BATCH_SIZE} to {most}"
        if most < written.packet:
            text += f" is less than {PACKET_SIZE}={written.packet}: messages that devices may send are refused"
            return failed(check, name, text, fix)
        text += f" leaves messages of {PACKET_SIZE}={written.packet} little room for key and headers: some are refused"
        return warning(check, name, text, fix)
    if most < written.batch:
        fix = f"raise it to {written.batch}, or lower {BATCH_SIZE} to {most} (and no less than {PACKET_SIZE})"
        text += f" is less than {BATCH_SIZE}={written.batch}: full batches are refused, split and sent again"
        return warning(check, name, text, fix)
    return ok(check, name, f"{text} accepts batches of {BATCH_SIZE}={written.batch}")


def _times(name: str, config: Mapping[str, str], written: Written, clock: ClockFacts) -> Finding:
    check = "timestamps"
    if config["message.timestamp.type"] == "LogAppendTime":
        text = "message.timestamp.type=LogAppendTime: records carry Kafka's time, not the time of arrival"
        return warning(check, name, text, "set message.timestamp.type=CreateTime, unless this is intended")
    # Kafka before 3.6 names these limits differently, and enforces none by default.
    before, after = int(config.get(BEFORE, 2**63 - 1)), int(config.get(AFTER, 2**63 - 1))
    ahead = (clock.ahead or 0.0) * 1000  # Kafka's clock ahead of ours, ms
    if ahead >= before:
        text = f"{BEFORE}={before}, and our clock is {ahead:.0f} ms behind: every record is refused"
        return failed(check, name, text, "synchronise the clocks")
    if -ahead >= after:
        text = f"{AFTER}={after}, and our clock is {-ahead:.0f} ms ahead: every record is refused"
        return failed(check, name, text, "synchronise the clocks")
    oldest = written.delivery_timeout + max(ahead, 0.0)
    if before < oldest:
        text = f"{BEFORE}={before}: records that waited longer for Kafka are refused, and may wait {oldest:.0f} ms"
        fix = f"raise it above {DELIVERY_TIMEOUT}={written.delivery_timeout}, or lower that"
        return warning(check, name, text, fix)
    return ok(check, name, "records carry the time of arrival, and none is too old or too new")


def _cleanup(name: str, policy: str, *, keys: bool) -> Finding:
    check = "clean-up"
    if "compact" not in policy:
        return ok(check, name, f"cleanup.policy={policy}")
    fix = "set cleanup.policy=delete"
    if not keys:
        text = f"cleanup.policy={policy} refuses records without a key, and dead letters may have none"
        return failed(check, name, text, fix)
    text = f"cleanup.policy={policy}: only the newest record of each key (each device) is kept"
    return warning(check, name, text, f"{fix}, unless this is intended")
