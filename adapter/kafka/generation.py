"""One aiokafka producer, from its connection to its end. The only user of `AIOKafkaProducer`; hides what is sharp.

- With idempotence, a batch that failed in whatever way has used up its sequence numbers: later batches of the
  partition are refused as out of order. The sequence must not be turned back either, for an earlier try of the batch
  may have landed: the next one would pass for its repetition, and be acknowledged without being written. So the
  partition is `spent` here, and needs another producer, with another producer id.
- Its sequence numbers become negative after 2³¹ records of a partition; brokers refuse those. It is spent before that.
- A metadata request that names a topic creates it where `auto.create.topics.enable` is on, the default. A client that
  tracks no topic asks for all of them and creates none. So none is ever named: what is not in the metadata is not
  handed over.
- While a partition has no leader it asks for metadata without a pause. Batches for such a one are not handed over.
- Neither `start()` nor `stop()` has a time limit, and an idempotent batch is retried for ever.
- It never looks at the bootstrap servers again.
- A broker that is frozen, or lost without a word, holds what it was given for the whole request timeout, also when its
  partitions have got other leaders long since; and it is asked for metadata like any other, for as long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.client import ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from adapter.errors import PartitionGoneError, TransientKafkaError
from adapter.kafka import limits
from adapter.kafka.connections import expect_closed_transports
from adapter.kafka.diagnosis import why_unreachable
from adapter.kafka.failures import ends_producer, translate
from adapter.kafka.in_flight_bytes import InFlightBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping

    from adapter.kafka.options import KafkaOptions
    from adapter.model import Batch

expect_closed_transports()

Partition = tuple[str, int]

MAX_RECORDS = 2**31 - 1  # of a partition, see above
NO_LEADER = -1
ASK_AGAIN_SECONDS = 1.0  # between two requests for metadata because of partitions that cannot be written to
LEADER_SECONDS = 1.0  # for a broker to say who leads: it is asked because another one does not answer
CLOSE_SECONDS = 1.0  # for what is left of a producer whose connections have been closed


class Generation:
    """See the module. `batches` counts those without an answer; `dead` is set when no partition can go on."""

    def __init__(
        self,
        options: KafkaOptions,
        max_records: int = MAX_RECORDS,
        client: Callable[..., Any] = AIOKafkaProducer,
    ) -> None:
        self._options = options
        self._max_records = max_records
        self._connection = options.connection()
        self._producer = client(**self._connection, **options.production())
        self._records: dict[Partition, int] = {}
        self._spent: set[Partition] = set()
        self._given_to: dict[
            Partition, int
        ] = {}  # the broker that led when the batch without an answer was handed over
        self._asked = float("-inf")
        self._in_flight = InFlightBytes()
        self.batches = 0
        self.dead = False

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self, limit: float) -> None:
        """Connect, get a producer id, learn all topics, in `limit` seconds. Raises TransientKafkaError, closed then."""
        try:
            async with asyncio.timeout(limit):
                await self._producer.start()
                if not await self._producer.client.force_metadata_update():
                    raise kafka_errors.KafkaConnectionError("no broker answers")  # noqa: TRY301 - as aiokafka would
        except BaseException as error:
            await self.close(CLOSE_SECONDS)
            if isinstance(error, Exception):
                raise TransientKafkaError(await self._why(error, limit)) from error
            raise

    async def _why(self, error: Exception, limit: float) -> str:
        if isinstance(error, kafka_errors.ClusterAuthorizationFailedError) and self._options.enable_idempotence:
            return (
                "not allowed to write idempotently: grant IdempotentWrite on the cluster to the adapter's user, "
                "or set ADAPTER_KAFKA__ENABLE_IDEMPOTENCE=false"
            )
        if isinstance(error, (TimeoutError, kafka_errors.KafkaConnectionError)):
            reason = await self._why_unreachable()
            if reason is not None:
                return reason
        if isinstance(error, TimeoutError):
            return f"{self._options.bootstrap_servers}: no answer within {limit:g} s"
        return f"{self._options.bootstrap_servers}: {translate(error)}"

    async def _why_unreachable(self) -> str | None:
        # What stands in for aiokafka in a simulation has no address to try.
        real = isinstance(self._producer, AIOKafkaProducer)
        return await why_unreachable(self._producer.client, self._connection) if real else None

    def halt(self) -> None:
        """Send nothing more, and fail what has no answer with ProducerClosed. What is on the wire may still land."""
        self.dead = True
        self._in_flight.release_all()
        # aiokafka cannot be told to give up: `stop()` flushes first, and what it flushes is retried for ever. This and
        # `follow_leaders` are the only uses of its private attributes.
        sender = self._producer._sender  # noqa: SLF001 - see above
        accumulator = self._producer._message_accumulator  # noqa: SLF001 - see above
        if sender.sender_task is not None:
            sender.sender_task.cancel()
        accumulator.fail_all(kafka_errors.ProducerClosed())
        for batches in accumulator._batches.values():  # noqa: SLF001 - see above
            for batch in batches:
                # Nobody waits for its turn to be sent, and asyncio would log that as an error.
                batch._drain_waiter.exception()  # noqa: SLF001 - see above

    async def close(self, limit: float) -> None:
        """End it: in good order within `limit` seconds, else by closing its connections. Called once; never raises."""
        if not await _ended(self._producer.stop(), limit):
            self.halt()
        # After `halt`, `stop()` ends with a CancelledError of its sender, and before it has closed the connections.
        await _ended(self._producer.client.close(), CLOSE_SECONDS)

    # -- metadata ----------------------------------------------------------------------------------------------------

    def partitions(self, topic: str) -> int | None:
        """How many partitions a topic has; None: no such topic, as far as is known."""
        known = self._producer.client.cluster.partitions_for_topic(topic)
        return len(known) if known else None

    async def refresh(self, limit: float) -> None:
        """Ask Kafka about all topics, for `limit` seconds at most. Raises TransientKafkaError."""
        try:
            async with asyncio.timeout(limit):
                refreshed = await self._producer.client.force_metadata_update()
        except TimeoutError as error:
            raise TransientKafkaError(f"no broker has answered for {limit:g} s") from error
        if not refreshed:
            reason = await self._why_unreachable()
            raise TransientKafkaError("no broker can be reached" + (f": {reason}" if reason else ""))

    async def message_limits(self, topics: Collection[str], limit: float) -> Mapping[str, int]:
        """Ask how large batches of topics may be, for `limit` seconds at most. Raises TransientKafkaError."""
        try:
            async with asyncio.timeout(limit):
                return await limits.ask(self._producer.client, topics)
        except TimeoutError as error:
            raise TransientKafkaError(f"no answer about topics within {limit:g} s") from error

    # -- batches -----------------------------------------------------------------------------------------------------

    def takes(self, partition: Partition, count: int) -> bool:
        """Take `count` more records of the partition into account, or say that they cannot be written here."""
        if not self.goes_on(partition):
            return False
        records = self._records.get(partition, 0)
        if records and records + count > self._max_records:
            self._spent.add(partition)
            return False
        self._records[partition] = records + count
        return True

    def goes_on(self, partition: Partition) -> bool:
        """Whether the partition can be written to here."""
        return not self.dead and partition not in self._spent

    def encode(self, batch: Batch) -> Any:
        """Bring a batch into Kafka's format: 0.9 µs a record of 128 bytes with six headers, nearly all of it in C."""
        builder = self._producer.create_batch()
        append = builder.append
        for run in batch.runs:
            key = run.route.template.key
            timestamp = run.arrived_ms
            headers = run.headers()
            for payload in run.payloads:
                fits = append(timestamp=timestamp, key=key, value=payload, headers=headers)
                assert fits is not None, "a batch is larger than its records were estimated"
        return builder

    async def write(self, topic: str, partition: int, builder: Any, size: int) -> int:
        """Write what `encode` made, of about `size` bytes; returns its first offset, or -1. Raises KafkaError."""
        leader = self._leader(topic, partition)
        await self._in_flight.enter(leader, size)
        try:
            if self.dead:
                raise TransientKafkaError("the producer was given up before the batch was sent")
            if self._leader(topic, partition) != leader:
                raise TransientKafkaError(f"partition {partition} of {topic} has got another leader")
            return await self._write(topic, partition, builder, leader)
        finally:
            self._in_flight.leave(leader, size)

    def _leader(self, topic: str, partition: int) -> int:
        leader: int | None = self._producer.client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if leader is None or leader == NO_LEADER:
            self._ask_about_partitions()
            if partition >= (self.partitions(topic) or partition + 1):
                raise PartitionGoneError(f"partition {partition} of {topic} does not exist")
            missing = "is not known" if leader is None else "has no leader"
            raise TransientKafkaError(f"partition {partition} of {topic} {missing}")
        return leader

    async def _write(self, topic: str, partition: int, builder: Any, leader: int) -> int:
        self._given_to[topic, partition] = leader
        try:
            # Nothing is awaited between the last look at the metadata and the one that aiokafka takes.
            metadata = await (await self._producer.send_batch(builder, topic, partition=partition))
        except Exception as error:
            if self._options.enable_idempotence:
                self._spent.add((topic, partition))
            if ends_producer(error):
                self.dead = True
            raise translate(error) from error
        finally:
            del self._given_to[topic, partition]
        return -1 if metadata is None else int(metadata.offset)  # there is none with acks=0

    async def follow_leaders(self, partitions: Iterable[Partition]) -> None:
        """Have batches that get no answer sent to who leads their partitions now, if that is another broker.

        The connection to the silent one is closed; then aiokafka sends them again by itself, with the same sequence
        numbers, so a record that the silent broker did write is not written twice.
        """
        client = self._producer.client
        waiting = [(partition, self._given_to[partition]) for partition in partitions if partition in self._given_to]
        if not waiting:
            return
        silent = {broker for _, broker in waiting}
        for broker in client.cluster.brokers():
            if broker.nodeId not in silent and await self._learn_leaders(broker.nodeId):
                break
        for partition, broker in waiting:
            leader = client.cluster.leader_for_partition(TopicPartition(*partition))
            if leader in {None, NO_LEADER, broker} or partition not in self._given_to:
                continue
            self._given_to[partition] = leader
            connection = client._conns.get((broker, ConnectionGroup.DEFAULT))  # noqa: SLF001 - see `halt`
            if connection is not None:
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)

    async def _learn_leaders(self, broker: int) -> bool:
        """Ask one broker about all topics; returns whether it has answered."""
        client = self._producer.client
        try:
            async with asyncio.timeout(LEADER_SECONDS):
                answer = await client.send(broker, MetadataRequest(None))
        except (kafka_errors.KafkaError, OSError):
            return False
        if not answer.brokers:
            return False
        client.cluster.update_metadata(answer)
        return True

    def _ask_about_partitions(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked > ASK_AGAIN_SECONDS:
            self._asked = now
            self._producer.client.force_metadata_update()


async def _ended(coroutine: Coroutine[Any, Any, None], limit: float) -> bool:
    """Let it end within `limit` seconds, or cancel it; how it ends does not matter: it is given up anyway."""
    task = asyncio.get_running_loop().create_task(coroutine)
    _, late = await asyncio.wait((task,), timeout=limit)
    if late:
        task.cancel()
        await asyncio.wait((task,), timeout=CLOSE_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()
    return not late
