"""Queries a cluster about its brokers, topics and our rights. Only reads: writes no record, creates no topic."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.admin import DescribeConfigsRequest

from adapter.kafka.diagnosis import UNREACHED
from adapter.kafka.questions import (
    DescribeQuorumRequest,
    DescribeTopicsRequest,
    MetadataPartition,
    MetadataTopic,
    QuorumPartition,
    QuorumReplica,
    operations,
)
from adapter.kafka.reach import Reach, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adapter.kafka.options import KafkaOptions

TOPIC = 2  # DescribeConfigs' resource type
NO_ERROR = 0

CONFIGS = (
    "cleanup.policy",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.insync.replicas",
)


class Broker(Protocol):
    """The part of aiokafka's connection that is used here."""

    async def send(self, request: Any) -> Any:
        """Return the response."""


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """Numbers of replicas; `led` tells whether the partition has a leader."""

    led: bool
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """`error` is Kafka's name of the error, if it describes the topic no further. None is what it does not report."""

    name: str
    error: str | None = None
    partitions: tuple[PartitionFacts, ...] = ()
    operations: frozenset[str] | None = None
    config: Mapping[str, str] | None = None
    config_error: str = ""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Seconds that the controller's clock is `ahead` of ours, and their uncertainty; or `why` they are unknown."""

    ahead: float | None
    uncertainty: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster as one broker describes it; `brokers` are the advertised addresses."""

    brokers: tuple[tuple[str, int], ...]
    operations: frozenset[str] | None
    topics: tuple[TopicFacts, ...]
    clock: ClockFacts


@dataclass(frozen=True, slots=True)
class Inspection:
    """Bootstrap servers, brokers at their advertised addresses, and the cluster; or `why` it cannot be described."""

    bootstrap: tuple[Reach, ...]
    brokers: tuple[Reach, ...] = ()
    cluster: ClusterFacts | None = None
    why: str = ""


async def inspect(options: KafkaOptions, topics: Sequence[str], clock: Callable[[], float], limit: float) -> Inspection:
    """Query a cluster. `clock` returns our time, in seconds since the epoch; every step may take `limit` seconds.

    Raises ConfigurationError if a certificate cannot be used.
    """
    connection = options.connection()
    servers = connection.pop("bootstrap_servers")
    bootstrap = [(host, port) for host, port, _ in collect_hosts(servers, randomize=False)]
    tried = dict(zip(bootstrap, await _reach_all(bootstrap, connection, limit), strict=True))
    reached = tuple(tried.values())
    good = next((address for address, found in tried.items() if found.failed is None), None)
    if good is None:
        return Inspection(reached)
    try:
        with closing(await _connected(*good, connection, limit)) as broker:
            cluster = await describe(broker, topics, clock, limit)
    except UNREACHED as error:
        return Inspection(reached, why=f"{good[0]}:{good[1]}: {error or type(error).__name__}")
    new = [address for address in cluster.brokers if address not in tried]
    tried |= dict(zip(new, await _reach_all(new, connection, limit), strict=True))
    return Inspection(reached, tuple(tried[address] for address in cluster.brokers), cluster)


async def describe(broker: Broker, topics: Sequence[str], clock: Callable[[], float], limit: float) -> ClusterFacts:
    """Query one broker; each request may take `limit` seconds. Raises one of `UNREACHED`."""
    metadata = await _send(broker, DescribeTopicsRequest(list(topics)), limit)
    return ClusterFacts(
        tuple((host, port) for _, host, port, _ in metadata.brokers),
        operations(metadata.operations),
        await _topics(broker, topics, metadata.topics, limit),
        await _clock(broker, clock, limit),
    )


async def _reach_all(
    addresses: Sequence[tuple[str, int]], connection: Mapping[str, Any], limit: float
) -> Sequence[Reach]:
    return await asyncio.gather(*(reach(host, port, connection, limit) for host, port in addresses))


async def _connected(host: str, port: int, connection: Mapping[str, Any], limit: float) -> Any:
    async with asyncio.timeout(limit):
        return await create_conn(host, port, **connection)


async def _send(broker: Broker, request: Any, limit: float) -> Any:
    async with asyncio.timeout(limit):
        return await broker.send(request)


async def _topics(broker: Broker, asked: Sequence[str], raw: Sequence[Any], limit: float) -> tuple[TopicFacts, ...]:
    """Return the topics in the order in which they were asked for."""
    topics = sorted(map(MetadataTopic._make, raw), key=lambda topic: asked.index(topic.name))
    existing = [topic.name for topic in topics if topic.error_code == NO_ERROR]
    configs = await _configs(broker, existing, limit) if existing else {}
    return tuple(
        _topic(topic, *configs[topic.name])
        if topic.error_code == NO_ERROR
        else TopicFacts(topic.name, error=errors.for_code(topic.error_code).message)
        for topic in topics
    )


def _topic(topic: MetadataTopic, config: Mapping[str, str] | None, config_error: str) -> TopicFacts:
    partitions = tuple(
        PartitionFacts(partition.leader >= 0, len(partition.replicas), len(partition.isr))
        for partition in map(MetadataPartition._make, topic.partitions)
    )
    return TopicFacts(topic.name, None, partitions, operations(topic.operations), config, config_error)


async def _configs(
    broker: Broker, topics: Sequence[str], limit: float
) -> Mapping[str, tuple[Mapping[str, str] | None, str]]:
    """Return each topic's effective configuration, including the brokers' defaults; or None and the error."""
    request = DescribeConfigsRequest([(TOPIC, topic, list(CONFIGS)) for topic in topics])
    found: dict[str, tuple[Mapping[str, str] | None, str]] = {}
    for code, _message, _type, topic, entries in (await _send(broker, request, limit)).resources:
        if code == NO_ERROR:
            found[topic] = ({entry[0]: entry[1] for entry in entries}, "")
        else:
            found[topic] = (None, errors.for_code(code).message)
    return found


async def _clock(broker: Broker, clock: Callable[[], float], limit: float) -> ClockFacts:
    before = clock()
    try:
        response = await _send(broker, DescribeQuorumRequest(), limit)
    except (errors.KafkaError, NotImplementedError):
        return ClockFacts(None, why="Kafka before 3.3, or with ZooKeeper, does not report its time")
    after = clock()
    if response.error_code != NO_ERROR:
        return ClockFacts(None, why=errors.for_code(response.error_code).message)
    for _name, partitions, _tags in response.topics:
        for partition in map(QuorumPartition._make, partitions):
            if partition.error_code != NO_ERROR:
                return ClockFacts(None, why=errors.for_code(partition.error_code).message)
            for voter in map(QuorumReplica._make, partition.voters):
                if voter.replica_id == partition.leader and voter.last_caught_up > 0:
                    return ClockFacts(voter.last_caught_up / 1000 - (before + after) / 2, (after - before) / 2)
    return ClockFacts(None, why="the response has no time")
