"""What a cluster says about itself, its topics and our rights there. Only reads: writes no record, creates no topic."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.admin import DescribeConfigsRequest

from adapter.kafka.questions import AskQuorum, AskTopics, operations
from adapter.kafka.reach import UNREACHED, Reach, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adapter.kafka.options import KafkaOptions

TOPIC = 2  # a kind of resource that has a configuration
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
    """aiokafka's connection, as it is used here."""

    async def send(self, question: Any) -> Any:
        """Return the answer."""


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """Numbers of replicas; `led` is whether somebody takes records."""

    led: bool
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """`error` is Kafka's name of what keeps it from telling more. None where it does not tell."""

    name: str
    error: str | None = None
    partitions: tuple[PartitionFacts, ...] = ()
    operations: frozenset[str] | None = None
    config: Mapping[str, str] | None = None
    config_error: str = ""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """How far the controller's clock is ahead of ours, and how far off that may be, in seconds; or why not known."""

    ahead: float | None
    uncertainty: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What one broker says about all; `brokers` are the addresses at which clients should find them."""

    brokers: tuple[tuple[str, int], ...]
    operations: frozenset[str] | None
    topics: tuple[TopicFacts, ...]
    clock: ClockFacts


@dataclass(frozen=True, slots=True)
class Inspection:
    """The bootstrap servers, the brokers by the addresses that they say they have, and the cluster if it was asked."""

    bootstrap: tuple[Reach, ...]
    brokers: tuple[Reach, ...] = ()
    cluster: ClusterFacts | None = None
    why: str = ""


async def inspect(options: KafkaOptions, topics: Sequence[str], clock: Callable[[], float], limit: float) -> Inspection:
    """Ask. `clock` is ours, in seconds since the epoch; every step has `limit` seconds.

    Raises ConfigurationError when a certificate cannot be used.
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
    """Ask one broker; each question has `limit` seconds. Raises one of `UNREACHED`."""
    metadata = await _ask(broker, AskTopics(list(topics)), limit)
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


async def _ask(broker: Broker, question: Any, limit: float) -> Any:
    async with asyncio.timeout(limit):
        return await broker.send(question)


async def _topics(broker: Broker, asked: Sequence[str], answers: Sequence[Any], limit: float) -> tuple[TopicFacts, ...]:
    """In the order in which they were asked for."""
    there = [name for code, name, *_ in answers if code == NO_ERROR]
    configs = await _configs(broker, there, limit) if there else {}
    return tuple(
        _topic(name, partitions, bits, configs[name])
        if code == NO_ERROR
        else TopicFacts(name, error=errors.for_code(code).message)
        for code, name, _, partitions, bits in sorted(answers, key=lambda answer: asked.index(answer[1]))
    )


def _topic(name: str, partitions: Sequence[Any], bits: int, config: tuple[Mapping[str, str] | None, str]) -> TopicFacts:
    facts = tuple(
        PartitionFacts(leader >= 0, len(replicas), len(in_sync)) for _, _, leader, _, replicas, in_sync, _ in partitions
    )
    return TopicFacts(name, None, facts, operations(bits), *config)


async def _configs(
    broker: Broker, topics: Sequence[str], limit: float
) -> Mapping[str, tuple[Mapping[str, str] | None, str]]:
    """For each topic what is in force there, the brokers' defaults included; or why it is not told."""
    question = DescribeConfigsRequest([(TOPIC, topic, list(CONFIGS)) for topic in topics])
    found: dict[str, tuple[Mapping[str, str] | None, str]] = {}
    for code, _, _, topic, entries in (await _ask(broker, question, limit)).resources:
        if code == NO_ERROR:
            found[topic] = ({entry[0]: entry[1] for entry in entries}, "")
        else:
            found[topic] = (None, errors.for_code(code).message)
    return found


async def _clock(broker: Broker, clock: Callable[[], float], limit: float) -> ClockFacts:
    before = clock()
    try:
        answer = await _ask(broker, AskQuorum(), limit)
    except (errors.KafkaError, NotImplementedError):
        return ClockFacts(None, why="Kafka older than 3.3, or with ZooKeeper, does not tell its time")
    after = clock()
    if answer.error_code != NO_ERROR:
        return ClockFacts(None, why=errors.for_code(answer.error_code).message)
    for _, partitions, _ in answer.topics:
        for _, code, leader, _, _, voters, _, _ in partitions:
            if code != NO_ERROR:
                return ClockFacts(None, why=errors.for_code(code).message)
            for replica, _, _, caught_up, _ in voters:
                if replica == leader and caught_up > 0:
                    return ClockFacts(caught_up / 1000 - (before + after) / 2, (after - before) / 2)
    return ClockFacts(None, why="the answer has no time")
