"""Checks whether a topic exists, and whether an acknowledged record in it is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.preflight.finding import Finding, Verdict, failed, ok, unknown, warning

if TYPE_CHECKING:
    from adapter.kafka.inspection import TopicFacts

MISSING = "UNKNOWN_TOPIC_OR_PARTITION"
FORBIDDEN = "TOPIC_AUTHORIZATION_FAILED"
MIN_INSYNC = "min.insync.replicas"

SAFE_REPLICAS = 3  # one broker may be in maintenance and another fail without losing the record
SAFE_INSYNC = 2
ENOUGH = f"set {MIN_INSYNC}={SAFE_INSYNC}, with {SAFE_REPLICAS} replicas"
LOST_WITH_ONE = "acknowledged records are lost with one broker"


def check_there(topic: TopicFacts) -> Finding:
    """Check that the topic exists, as far as our rights show, and that every partition has a leader."""
    check = "topic"
    match topic.error:
        case None:
            leaderless = sum(not partition.led for partition in topic.partitions)
            count = len(topic.partitions)
            text = f"{count} partition{'s' * (count != 1)}"
            if leaderless:
                fix = "bring their brokers back; until then no record can be written to them"
                return failed(check, topic.name, f"{leaderless} of {text} without a leader", fix)
            return ok(check, topic.name, f"exists, {text}")
        case error if error == MISSING:
            return failed(check, topic.name, "does not exist", "create it: the adapter creates no topics")
        case error if error == FORBIDDEN:
            text = "cannot be described: it does not exist, or access is forbidden"
            return failed(check, topic.name, text, "allow Describe and Write on it, and make sure that it exists")
        case error:
            return failed(check, topic.name, f"cannot be described ({error})", "see the brokers' logs")


def check_durable(topic: TopicFacts, *, acks_all: bool) -> Finding:
    """Check whether an acknowledged record survives the loss of a broker."""
    check = "durability"
    replicas = min(partition.replicas for partition in topic.partitions)
    in_sync = min(partition.in_sync for partition in topic.partitions)
    kept = f"replication factor {replicas}"
    if not acks_all:
        text = f"{kept}; ADAPTER_KAFKA__ACKS is not all, so records may be lost with one broker"
        return warning(check, topic.name, text, "set ADAPTER_KAFKA__ACKS=all")
    if topic.config is None or MIN_INSYNC not in topic.config:
        if replicas == 1:
            return warning(check, topic.name, f"{kept}: {LOST_WITH_ONE}", ENOUGH)
        return unknown(check, topic.name, f"{kept}, {MIN_INSYNC} cannot be read ({topic.config_error})", _allow(topic))
    least = int(topic.config[MIN_INSYNC])
    verdict, why, fix = _judged(replicas, in_sync, least)
    return Finding(check, topic.name, verdict, f"{kept}, {MIN_INSYNC} {least}, {in_sync} in sync{why}", fix)


def _judged(replicas: int, in_sync: int, least: int) -> tuple[Verdict, str, str]:
    """Return the worst problem; `in_sync` and `replicas` are the smallest numbers of any partition."""
    come_back = "bring the missing brokers back"
    rules = (
        (
            least > replicas,
            Verdict.FAILED,
            # Kafka 4.1 was observed to accept the record: it caps the number at the replicas that exist.
            f": {MIN_INSYNC} is more than the replicas: older brokers refuse all records, newer ones lower it",
            f"lower it to {max(replicas - 1, 1)}, or add replicas",
        ),
        (in_sync < least, Verdict.FAILED, ": no record can be written now", come_back),
        (replicas == 1, Verdict.WARNING, f": {LOST_WITH_ONE}", ENOUGH),
        (least == 1, Verdict.WARNING, ": a single broker acknowledges while the others lag", ENOUGH),
        (least == replicas, Verdict.WARNING, ": writing stops when any broker is away", "add replicas"),
        (in_sync < replicas, Verdict.WARNING, ": replicas lag or are away", come_back),
    )
    found = ((verdict, why, fix) for applies, verdict, why, fix in rules if applies)
    return next(found, (Verdict.OK, "", ""))


def _allow(topic: TopicFacts) -> str:
    return f"allow DescribeConfigs on {topic.name}, or check it with kafka-configs.sh"
