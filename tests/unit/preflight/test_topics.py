"""`adapter.preflight.topics`: whether a topic is there, and how safe its records are."""

from __future__ import annotations

import pytest

from adapter.kafka.inspection import PartitionFacts, TopicFacts
from adapter.preflight.finding import Verdict
from adapter.preflight.topics import check_durable, check_there


def topic(replicas: int, in_sync: int, least: int) -> TopicFacts:
    healthy = PartitionFacts(led=True, replicas=replicas, in_sync=replicas)
    worst = PartitionFacts(led=True, replicas=replicas, in_sync=in_sync)
    return TopicFacts("t", partitions=(healthy, worst), config={"min.insync.replicas": str(least)})


@pytest.mark.parametrize(
    ("replicas", "in_sync", "least", "verdict", "fix"),
    [
        (3, 3, 2, Verdict.OK, ""),
        (4, 4, 3, Verdict.OK, ""),
        (3, 2, 2, Verdict.WARNING, "bring the missing brokers back"),
        (3, 3, 3, Verdict.WARNING, "add replicas"),
        (3, 3, 1, Verdict.WARNING, "set min.insync.replicas=2, with 3 replicas"),
        (2, 2, 2, Verdict.WARNING, "add replicas"),
        (2, 2, 1, Verdict.WARNING, "set min.insync.replicas=2, with 3 replicas"),
        (1, 1, 1, Verdict.WARNING, "set min.insync.replicas=2, with 3 replicas"),
        (3, 1, 2, Verdict.FAILED, "bring the missing brokers back"),
        (1, 1, 2, Verdict.FAILED, "lower it to 1, or add replicas"),
        (3, 3, 4, Verdict.FAILED, "lower it to 2, or add replicas"),
    ],
)
def test_the_partition_with_fewest_replicas_in_sync_decides(
    replicas: int, in_sync: int, least: int, verdict: Verdict, fix: str
) -> None:
    finding = check_durable(topic(replicas, in_sync, least), acks_all=True)
    assert (finding.verdict, finding.fix) == (verdict, fix)
    assert f"replication factor {replicas}, min.insync.replicas {least}, {in_sync} in sync" in finding.text


def test_without_acks_all_the_best_topic_keeps_nothing_for_certain() -> None:
    assert check_durable(topic(3, 3, 2), acks_all=False).verdict is Verdict.WARNING


def test_a_configuration_that_may_not_be_read_is_unknown_and_the_right_is_named() -> None:
    facts = TopicFacts("t", partitions=topic(3, 3, 2).partitions, config_error="TOPIC_AUTHORIZATION_FAILED")
    finding = check_durable(facts, acks_all=True)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.text == "replication factor 3, min.insync.replicas cannot be read (TOPIC_AUTHORIZATION_FAILED)"
    assert finding.fix.startswith("allow DescribeConfigs on t")


def test_one_replica_is_a_warning_whatever_else_may_be_read() -> None:
    facts = TopicFacts("t", partitions=topic(1, 1, 1).partitions, config_error="TOPIC_AUTHORIZATION_FAILED")
    assert check_durable(facts, acks_all=True).verdict is Verdict.WARNING


@pytest.mark.parametrize(
    ("facts", "verdict", "text"),
    [
        (topic(1, 1, 1), Verdict.OK, "exists, 2 partitions"),
        (TopicFacts("t", partitions=topic(1, 1, 1).partitions[:1]), Verdict.OK, "exists, 1 partition"),
        (TopicFacts("t", error="UNKNOWN_TOPIC_OR_PARTITION"), Verdict.FAILED, "does not exist"),
        (
            TopicFacts("t", error="TOPIC_AUTHORIZATION_FAILED"),
            Verdict.FAILED,
            "cannot be described: it does not exist, or access is forbidden",
        ),
        (TopicFacts("t", error="UNKNOWN"), Verdict.FAILED, "cannot be described (UNKNOWN)"),
        (
            TopicFacts("t", partitions=(PartitionFacts(led=False, replicas=1, in_sync=0),)),
            Verdict.FAILED,
            "1 of 1 partition without a leader",
        ),
    ],
)
def test_whether_a_topic_is_there(facts: TopicFacts, verdict: Verdict, text: str) -> None:
    finding = check_there(facts)
    assert (finding.verdict, finding.text) == (verdict, text)
    assert bool(finding.fix) == (verdict is not Verdict.OK)
