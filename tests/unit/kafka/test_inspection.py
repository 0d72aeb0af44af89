"""`adapter.kafka.inspection`: what a broker's answers mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import errors
from aiokafka.protocol.admin import DescribeConfigsRequest

from adapter.kafka.inspection import ClockFacts, PartitionFacts, TopicFacts, describe
from adapter.kafka.questions import DescribeQuorumRequest, DescribeTopicsRequest

if TYPE_CHECKING:
    from collections.abc import Callable

LEADER = 7
ALL_RIGHTS = 1 << 4 | 1 << 8 | 1 << 10
FORBIDDEN = 29
CLUSTER_FORBIDDEN = 31
MISSING = 3


def quorum(*, code: int = 0, partition_code: int = 0, caught_up: int = 0) -> Any:
    voters = [(LEADER - 1, 0, 1, 1, {}), (LEADER, 0, 0, caught_up, {})]
    partition = (0, partition_code, LEADER, 1, 0, voters, [], {})
    return SimpleNamespace(error_code=code, topics=[("__cluster_metadata", [partition], {})])


class FakeBroker:
    """`topics`: (error, name, internal, partitions, rights); `configs`: topic → (error, entries)."""

    def __init__(self, topics: list[Any], configs: dict[str, Any], time: Any) -> None:
        self._topics = topics
        self._configs = configs
        self._time = time
        self.asked: list[str] = []

    async def send(self, question: Any) -> Any:
        self.asked.append(type(question).__name__)
        match question:
            case DescribeTopicsRequest():
                return SimpleNamespace(brokers=[(1, "a", 9092, None)], topics=self._topics, operations=1 << 12)
            case DescribeConfigsRequest():
                resources = [(code, None, 2, name, entries) for name, (code, entries) in self._configs.items()]
                return SimpleNamespace(resources=resources)
            case DescribeQuorumRequest() if isinstance(self._time, Exception):
                raise self._time
            case DescribeQuorumRequest():
                return self._time
        raise AssertionError(question)


def clock(*times: float) -> Callable[[], float]:
    left = list(times)
    return lambda: left.pop(0)


async def test_topics_are_told_in_the_order_asked_with_what_is_known_of_each() -> None:
    partitions = [(0, 0, 1, 5, [1, 2, 3], [1, 2], [3]), (0, 1, -1, 5, [1, 2, 3], [], [1, 2, 3])]
    topics = [
        (MISSING, "missing", False, [], -(2**31)),
        (0, "closed", False, partitions[:1], -(2**31)),
        (0, "open", False, partitions, ALL_RIGHTS),
        (FORBIDDEN, "forbidden", False, [], -(2**31)),
    ]
    configs = {"open": (0, [("min.insync.replicas", "2", False)]), "closed": (FORBIDDEN, [])}
    broker = FakeBroker(topics, configs, quorum(caught_up=100_500))
    facts = await describe(broker, ["open", "closed", "missing", "forbidden"], clock(100.0, 100.5), 1.0)
    led, leaderless = PartitionFacts(led=True, replicas=3, in_sync=2), PartitionFacts(led=False, replicas=3, in_sync=0)
    assert facts.brokers == (("a", 9092),)
    assert facts.operations == {"IdempotentWrite"}
    assert facts.topics == (
        TopicFacts(
            "open",
            partitions=(led, leaderless),
            operations=frozenset({"Write", "Describe", "DescribeConfigs"}),
            config={"min.insync.replicas": "2"},
        ),
        TopicFacts("closed", partitions=(led,), config_error="TOPIC_AUTHORIZATION_FAILED"),
        TopicFacts("missing", error="UNKNOWN_TOPIC_OR_PARTITION"),
        TopicFacts("forbidden", error="TOPIC_AUTHORIZATION_FAILED"),
    )


async def test_the_clock_of_the_leader_is_compared_with_the_middle_of_the_question() -> None:
    broker = FakeBroker([], {}, quorum(caught_up=102_250))
    facts = await describe(broker, [], clock(100.0, 100.5), 1.0)
    assert facts.clock == ClockFacts(2.0, 0.25)


@pytest.mark.parametrize(
    ("time", "why"),
    [
        (errors.IncompatibleBrokerVersion(), "Kafka before 3.3, or with ZooKeeper, does not report its time"),
        (NotImplementedError(), "Kafka before 3.3, or with ZooKeeper, does not report its time"),
        (quorum(code=CLUSTER_FORBIDDEN), "CLUSTER_AUTHORIZATION_FAILED"),
        (quorum(partition_code=MISSING), "UNKNOWN_TOPIC_OR_PARTITION"),
        (quorum(caught_up=-1), "the response has no time"),
    ],
)
async def test_a_time_that_is_not_told_is_not_guessed(time: Any, why: str) -> None:
    facts = await describe(FakeBroker([], {}, time), [], clock(100.0, 100.5), 1.0)
    assert facts.clock == ClockFacts(None, why=why)


async def test_configurations_are_asked_for_where_there_are_topics() -> None:
    broker = FakeBroker([(MISSING, "missing", False, [], 0)], {}, quorum(caught_up=1))
    await describe(broker, ["missing"], clock(0.0, 0.0), 1.0)
    assert broker.asked == ["DescribeTopicsRequest", "DescribeQuorumRequest"]
