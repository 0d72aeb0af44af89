"""The model of Kafka: brokers that answer produce requests, and the topics that they have.

A request takes a while to arrive, is appended, waits for the in-sync replicas, and is answered; each of these can be
late, lost or refused. What has been sent may arrive whether or not its sender is still there.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiokafka import errors

from tests.simulation.kafka_log import NO_LEADER, Name, Partition, Stored
from tests.simulation.plan import BROKERS, DEAD_LETTERS, EVENT, TELEMETRY

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Iterator

    from tests.simulation.kafka_client import Client, ProduceRequest, Sent
    from tests.simulation.plan import Plan
    from tests.simulation.virtual_loop import VirtualLoop

NOT_KNOWN = 87  # INVALID_RECORD, which aiokafka knows by no name


class BrokenPromiseError(Exception):
    """A promise was broken, at the moment when it happened."""


class Topic:
    """One life of a topic: the next one after a deletion is another one."""

    def __init__(self, name: str, life: int) -> None:
        self.name = name
        self.life = life
        self.partitions: list[Partition] = []
        self.largest_batch = 1_000_000
        self.denied = 0


class Broker:
    """`down` and `stalled` count the faults that make it so. A stalled one keeps what arrives for later."""

    def __init__(self) -> None:
        self.down = 0
        self.stalled = 0
        self.backlog: list[ProduceRequest] = []


class Cluster:
    """See the module. `context` is that of the world: what is on its way does not die with its sender."""

    def __init__(
        self, plan: Plan, loop: VirtualLoop, context: contextvars.Context, note: Callable[[str], None]
    ) -> None:
        seed = plan.seed
        self.latency = plan.config.latency
        self.rng = random.Random(f"{seed}/kafka")
        self.seed = seed
        self.note = note
        self.loop = loop
        self.context = context
        self.brokers = [Broker() for _ in range(BROKERS)]
        self.topics: dict[str, Topic] = {}
        self.deleted: list[Topic] = []
        self.clients: list[Client] = []
        self.answers_lost = 0
        self.slow = 0
        self.refuses_connections = 0
        self.tells_nothing = self.rng.random() < 0.3  # about how large a batch may be
        self.denied = 0  # idempotent writing is not allowed
        self.producers = 0  # ids given out so far
        self.fenced = 0  # ids up to this one
        self.committed: set[Name] = set()
        self.repeats: Counter[Name] = Counter()  # how often more a record may be there without the device's doing
        self.given_up: Counter[Name] = Counter()  # of QoS 2: nobody knows whether it is there
        self.dead_letters: set[Name] = set()  # whether they were taken or not
        self.late = 0  # batches that landed when nobody waited for them
        self.seen: Counter[str] = Counter()
        self._turn = 0
        for name in (TELEMETRY, EVENT, DEAD_LETTERS):
            self.create(name, plan.config.partitions)

    # -- topics ------------------------------------------------------------------------------------------------------

    def create(self, name: str, partitions: int) -> None:
        topic = Topic(name, sum(topic.name == name for topic in self.deleted))
        self.topics[name] = topic
        self.grow(topic, partitions)

    def grow(self, topic: Topic, count: int) -> None:
        for _ in range(count):
            topic.partitions.append(Partition(len(topic.partitions) % BROKERS, self._commit))

    def delete(self, name: str) -> None:
        topic = self.topics.pop(name, None)
        if topic is not None:
            self.deleted.append(topic)

    def partitions(self) -> Iterator[Partition]:
        return (partition for topic in self.topics.values() for partition in topic.partitions)

    def elect(self) -> None:
        """Give every partition a leader that is up."""
        up = [number for number, broker in enumerate(self.brokers) if not broker.down]
        for partition in self.partitions():
            if partition.leaderless:
                continue
            if partition.leader == NO_LEADER or self.brokers[partition.leader].down:
                leader = self.rng.choice(up) if up else NO_LEADER
                if leader != partition.leader:
                    partition.lead(leader, self.rng)

    def _commit(self, stored: Stored) -> None:
        self.committed.update(stored.names)

    # -- what a client sees ------------------------------------------------------------------------------------------

    def reachable(self) -> bool | None:
        """Whether some broker answers; None: it will not say."""
        if any(not broker.down and not broker.stalled for broker in self.brokers):
            return True
        return None if any(not broker.down for broker in self.brokers) else False

    def metadata(self) -> dict[str, list[int]]:
        return {name: [each.leader for each in topic.partitions] for name, topic in self.topics.items()}

    def delay(self) -> float:
        """How long a packet is on its way, seconds."""
        if self.slow and self.rng.random() < 0.5:
            return self.rng.uniform(0.05, 3.0)
        return self.latency + self.rng.uniform(0.0005, 0.004)

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        self.loop.call_later(delay, callback, *args, context=self.context)

    # -- produce requests --------------------------------------------------------------------------------------------

    def arrive(self, request: ProduceRequest) -> None:
        """A request has reached its broker, or what is left of it."""
        broker = self.brokers[request.broker]
        if broker.stalled:
            broker.backlog.append(request)
        elif broker.down:
            request.cut()
        elif not request.client.open and self.rng.random() < 0.5:
            self.seen["request lost with its sender"] += 1
        else:
            for sent in request.batches:
                self._append(request, sent)

    def resume(self, broker: Broker) -> None:
        backlog, broker.backlog = broker.backlog, []
        for request in backlog:
            self.arrive(request)

    def _append(self, request: ProduceRequest, sent: Sent) -> None:
        if sent.topic == DEAD_LETTERS:
            self.dead_letters.update(sent.names)
        topic = self.topics.get(sent.topic)
        if topic is None or sent.partition >= len(topic.partitions):
            self._answer(request, sent, errors.UnknownTopicOrPartitionError)
            return
        partition = topic.partitions[sent.partition]
        error = self._refusal(request, sent, topic, partition)
        if error is not None:
            self._answer(request, sent, error)
            return
        late = sent.given_up
        appended = partition.append(sent.producer, sent.sequence, sent.names, late=late, turn=self._turn)
        self._turn += 1
        if appended.error is not None:
            self._answer(request, sent, appended.error)
            return
        if appended.repeated:
            self.seen["sequence repeated"] += 1
        else:
            if late:
                self.late += 1
                self.seen["landed after giving up"] += 1
            if late or sent.appended:
                self.repeats.update(sent.names)
            sent.appended += 1
            self.note(f"kafka has {sent}{' late' if late else ''}")
        delay = self.rng.uniform(0.0002, 0.003) * (100 if self.slow else 1)
        self.later(delay + self.latency, self._replicated, request, sent, partition, partition.epoch, appended.end)

    def _refusal(  # noqa: PLR0911 - one line a reason
        self, request: ProduceRequest, sent: Sent, topic: Topic, partition: Partition
    ) -> type[Exception] | None:
        if topic.denied:
            return errors.TopicAuthorizationFailedError
        if self.denied and sent.producer is not None:
            return errors.ClusterAuthorizationFailedError
        if partition.leader != request.broker:
            return errors.NotLeaderForPartitionError
        if sent.size > topic.largest_batch:
            return errors.MessageSizeTooLargeError
        if sent.poisoned and sent.topic != DEAD_LETTERS:
            return (errors.PolicyViolationError, errors.for_code(NOT_KNOWN))[len(sent.names) % 2]
        if sent.producer is not None and sent.producer <= self.fenced:
            return errors.ProducerFenced
        return None

    def _replicated(self, request: ProduceRequest, sent: Sent, partition: Partition, epoch: int, end: int) -> None:
        if partition.epoch != epoch:
            if self.brokers[request.broker].down:
                request.cut()
            else:
                self._answer(request, sent, errors.NotLeaderForPartitionError)
        elif partition.lacks_replicas:
            self._answer(request, sent, errors.NotEnoughReplicasAfterAppendError)
        else:
            partition.commit(end)
            self._answer(request, sent, None, partition.offset(end))

    def _answer(self, request: ProduceRequest, sent: Sent, error: type[Exception] | None, offset: int = -1) -> None:
        self.seen[error.__name__ if error else "batches acknowledged"] += 1
        if error:
            self.note(f"kafka refuses {sent}: {error.__name__}")
        if self.answers_lost and self.rng.random() < 0.6:
            self.seen["answer lost"] += 1
            if self.rng.random() < 0.5:
                request.cut()  # the connection breaks; else there is silence
            return
        request.client.later(self.delay(), request.answered, sent, error, offset)
