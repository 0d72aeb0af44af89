"""The model of aiokafka's producer: what `adapter.kafka.generation` uses of it, with aiokafka's sharp edges.

One request in flight per broker; a retriable error means the same batch again, for ever with idempotence, for as long
as the request timeout without; any other error is the end of the batch, whose sequence numbers are spent.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.protocol.admin import DescribeConfigsRequest

from adapter.kafka.questions import DescribeTopicsRequest
from tests.simulation.kafka_log import NO_LEADER
from tests.simulation.payload import is_poison, name_of
from tests.simulation.plan import BROKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka.structs import TopicPartition

    from tests.simulation.kafka_cluster import Cluster
    from tests.simulation.kafka_log import Name

BACKOFF = 0.1  # aiokafka's retry_backoff_ms
RECORD_OVERHEAD = 150


class Builder:
    """Keeps what is appended."""

    def __init__(self) -> None:
        self.names: list[Name] = []
        self.size = 61
        self.poisoned = False

    def _build(self) -> bytes:
        return bytes(self.size)

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: list[Any]) -> object:
        assert timestamp
        assert headers
        name = name_of(value)
        assert key == name[0].encode(), "a record of another device"
        self.names.append(name)
        self.size += len(value) + RECORD_OVERHEAD
        self.poisoned = self.poisoned or is_poison(value)
        return self


class Sent:
    """A batch that was handed over. `appended` counts how often it was written."""

    def __init__(self, topic: str, partition: int, builder: Builder, future: asyncio.Future[Any], born: float) -> None:
        self.topic = topic
        self.partition = partition
        self.names = tuple(builder.names)
        self.size = builder.size
        self.poisoned = builder.poisoned
        self.future = future
        self.born = born
        self.producer: int | None = None
        self.sequence = -1
        self.appended = 0
        self.abandoned = False

    def __str__(self) -> str:
        names = " ".join(f"{device}:{number}" for device, number in self.names)
        return f"{self.topic}/{self.partition} [{names}] producer {self.producer} sequence {self.sequence}"

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for its answer any more."""
        return self.abandoned or self.future.done()


class ProduceRequest:
    """Some batches on their way to a broker."""

    def __init__(self, client: Client, broker: int, batches: list[Sent]) -> None:
        self.client = client
        self.broker = broker
        self.batches = batches
        self.waits_for = {id(sent): sent for sent in batches}
        self.over = False

    def answered(self, sent: Sent, error: type[Exception] | None, offset: int) -> None:
        """One batch has its answer. A request that is over hears nothing any more."""
        if not self.over and self.waits_for.pop(id(sent), None) is not None:
            self.client.settle(sent, error, offset)
            if not self.waits_for:
                self.end()

    def cut(self) -> None:
        """The connection is lost, and the client notices."""
        self.client.later(0.001, self.fail, errors.KafkaConnectionError)

    def fail(self, error: type[Exception]) -> None:
        """No answer will come any more."""
        if not self.over:
            for sent in self.waits_for.values():
                self.client.settle(sent, error, -1)
            self.end()

    def end(self) -> None:
        self.over = True
        self.client.ended(self)


class Client:
    """In the place of `AIOKafkaProducer`."""

    def __init__(self, cluster: Cluster, **options: Any) -> None:
        self._cluster = cluster
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._idempotent = options["enable_idempotence"]
        self._timeout = options["request_timeout_ms"] / 1000
        cluster.seen["producers made"] += 1
        self._rng = random.Random(f"{cluster.seed}/client {cluster.seen['producers made']}")
        self._metadata: dict[str, list[int]] = {}
        self._producer: int | None = None
        self._sequences: dict[tuple[str, int], int] = {}
        self._queue: list[Sent] = []
        self._unanswered: dict[Sent, None] = {}
        self._busy: dict[int, ProduceRequest] = {}
        self._fault: Exception | None = None
        self._pump_planned = False
        self.open = False
        # What `Generation` reaches into.
        self.client = SimpleNamespace(
            force_metadata_update=self._force_metadata_update,
            close=self._close,
            send=self._ask_broker,
            get_random_node=lambda: self._rng.randrange(BROKERS),
            cluster=self,
            _conns=self,
        )
        self._sender = SimpleNamespace(sender_task=SimpleNamespace(cancel=self._halt))
        self._message_accumulator = SimpleNamespace(fail_all=self.fail_all, _batches={})

    def later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        """In the process that this client belongs to."""
        if self.open:
            self._loop.call_later(delay, callback, *args, context=self._context)

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        cluster = self._cluster
        await asyncio.sleep(self._rng.uniform(0.002, 0.02))
        reachable = cluster.reachable()
        if reachable is None:
            await asyncio.sleep(3600)
        if not reachable or cluster.refuses_connections:
            raise errors.KafkaConnectionError("no broker can be reached")
        if self._idempotent:
            if cluster.denied:
                raise errors.ClusterAuthorizationFailedError
            cluster.producers += 1
            self._producer = cluster.producers
        self.open = True
        cluster.clients.append(self)

    async def stop(self) -> None:
        waiting = [sent.future for sent in self._unanswered]
        if waiting:
            await asyncio.wait(waiting)
        await asyncio.sleep(0)

    async def _close(self) -> None:
        self._halt()
        self.open = False

    def _halt(self) -> None:
        self._queue.clear()
        self._fault = self._fault or errors.ProducerClosed()

    def fail_all(self, error: Exception) -> None:
        """As the accumulator does it: when the sender has died, or is to send no more."""
        self._fault = error
        self._queue.clear()
        for sent in list(self._unanswered):
            self._fail(sent, copy.copy(error))

    def abandon(self) -> None:
        """Its process was killed. What is on the wire is on the wire."""
        self.open = False
        for sent in self._unanswered:
            sent.abandoned = True

    # -- metadata ----------------------------------------------------------------------------------------------------

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(len(self._metadata[topic]))) if topic in self._metadata else None

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        leaders = self._metadata.get(partition.topic, [])
        return leaders[partition.partition] if partition.partition < len(leaders) else None

    def brokers(self) -> list[Any]:
        return [SimpleNamespace(nodeId=number, host="simulated", port=number) for number in range(BROKERS)]

    async def _ask_broker(self, number: int, request: object) -> Any:
        """One broker's word on topics: where they are, whether they are, or how large their batches may be."""
        await asyncio.sleep(self._rng.uniform(0.001, 0.02))
        broker = self._cluster.brokers[number]
        while broker.stalled:
            await asyncio.sleep(0.1)
        if broker.down:
            raise errors.KafkaConnectionError
        if isinstance(request, DescribeConfigsRequest):
            return SimpleNamespace(resources=[] if self._cluster.tells_nothing else self._limits())
        if isinstance(request, DescribeTopicsRequest):
            return SimpleNamespace(topics=self._places(request._topics))
        return SimpleNamespace(brokers=True, metadata=self._cluster.metadata())

    def _places(self, asked: list[str]) -> list[tuple[Any, ...]]:
        known = self._cluster.metadata()
        return [
            (0, name, False, [(0, number, leader, 0, [], [], []) for number, leader in enumerate(known[name])], 0)
            if name in known
            else (errors.UnknownTopicOrPartitionError.errno, name, False, [], 0)
            for name in asked
        ]

    def _limits(self) -> list[tuple[int, str, int, str, list[tuple[str, str]]]]:
        return [
            (0, "", 2, topic.name, [("max.message.bytes", str(topic.largest_batch))])
            for topic in self._cluster.topics.values()
        ]

    def update_metadata(self, answer: Any) -> None:
        self._metadata = answer.metadata
        self._plan_pump(0.0)

    def get(self, connection: tuple[int, object]) -> Any:
        """The connection to a broker, to be closed."""
        request = self._busy.get(connection[0])
        return None if request is None else SimpleNamespace(close=lambda reason: self._closed(request, reason))

    def _closed(self, request: ProduceRequest, _: object) -> None:
        self._cluster.seen["connection to a silent broker closed"] += 1
        request.fail(errors.KafkaConnectionError)

    def _force_metadata_update(self) -> asyncio.Future[bool]:
        future = self._loop.create_future()
        reachable = self._cluster.reachable()
        delay = self._timeout if reachable is None else self._rng.uniform(0.001, 0.02)
        self._loop.call_later(delay, self._updated, future)
        return future

    def _updated(self, future: asyncio.Future[bool]) -> None:
        reachable = bool(self._cluster.reachable())
        if reachable:
            self._metadata = self._cluster.metadata()
        if not future.done():
            future.set_result(reachable)
        self._plan_pump(0.0)

    # -- batches -----------------------------------------------------------------------------------------------------

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, builder: Builder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        if self._fault is not None:
            raise copy.copy(self._fault)
        sent = Sent(topic, partition, builder, self._loop.create_future(), self._loop.time())
        self._unanswered[sent] = None
        self._queue.append(sent)
        self._plan_pump(0.0)
        return sent.future

    def _plan_pump(self, delay: float) -> None:
        if delay:
            self.later(delay, self._pump)
        elif not self._pump_planned and self._queue:
            self._pump_planned = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_planned = False
        requests: dict[int, list[Sent]] = {}
        left = []
        ask = False
        for sent in self._queue:
            leaders = self._metadata.get(sent.topic, [])
            leader = leaders[sent.partition] if sent.partition < len(leaders) else NO_LEADER
            if leader == NO_LEADER:
                if self._loop.time() - sent.born > self._timeout:
                    self._fail(sent, errors.LeaderNotAvailableError())
                else:
                    ask = True
                    left.append(sent)
            elif leader in self._busy:
                left.append(sent)
            else:
                requests.setdefault(leader, []).append(sent)
        self._queue = left
        for broker, batches in requests.items():
            self._request(broker, batches)
        if ask:
            self._force_metadata_update()

    def _request(self, broker: int, batches: list[Sent]) -> None:
        for sent in batches:
            if self._producer is not None and sent.producer is None:
                place = (sent.topic, sent.partition)
                sent.producer = self._producer
                sent.sequence = self._sequences.get(place, 0)
                self._sequences[place] = sent.sequence + len(sent.names)
        request = ProduceRequest(self, broker, batches)
        self._busy[broker] = request
        self._cluster.later(self._cluster.delay(), self._cluster.arrive, request)
        self.later(self._timeout, request.fail, errors.RequestTimedOutError)

    def settle(self, sent: Sent, error: type[Exception] | None, offset: int) -> None:
        """A batch has an answer, or its request has failed."""
        if sent.future.done():
            return
        if error is None:
            self._unanswered.pop(sent, None)
            sent.future.set_result(SimpleNamespace(offset=offset))
        elif not getattr(error, "retriable", False) or (
            self._producer is None and self._loop.time() - sent.born > self._timeout
        ):
            self._fail(sent, error())
        else:
            if getattr(error, "invalid_metadata", False):
                self._force_metadata_update()
            self.later(BACKOFF, self._again, sent)

    def _again(self, sent: Sent) -> None:
        if not sent.future.done() and self._fault is None:
            self._queue.insert(0, sent)
            self._plan_pump(0.0)

    def _fail(self, sent: Sent, error: Exception) -> None:
        self._unanswered.pop(sent, None)
        if not sent.future.done():
            if sent.appended:  # whoever sends it again cannot know
                self._cluster.repeats.update(sent.names)
            self._cluster.note(f"batch failed: {sent}: {type(error).__name__}")
            sent.future.set_exception(error)
            sent.future.exception()

    def ended(self, request: ProduceRequest) -> None:
        """The next request to the broker may go."""
        self._busy.pop(request.broker, None)
        self._plan_pump(0.0)
