"""One aiokafka producer, from connecting to closing. Only this module uses `AIOKafkaProducer`; it hides its pitfalls.

- With idempotence, a batch that failed has used up its sequence numbers, so the broker refuses later batches of the
  partition as out of order. Turning the sequence back is no solution: an earlier attempt of the batch may have landed,
  and the next batch would be taken for its duplicate and acknowledged without being written. So the partition is
  `spent`, and needs another producer with another producer id.
- Sequence numbers become negative after 2³¹ records of a partition, and brokers refuse them. The partition is spent
  before that.
- A metadata request that names a topic creates it if `auto.create.topics.enable` is on, the default. A client that
  tracks no topic asks for all topics and creates none. So no topic is ever named, and batches for topics that are not
  in the metadata are not handed over.
- While a partition has no leader, aiokafka keeps its batch and requests metadata in a busy loop (`metadata_pace` slows
  it down). So no batch is handed over for it.
- Neither `start()` nor `stop()` has a time limit, and an idempotent batch is retried for ever.
- aiokafka never tries the bootstrap servers again.
- A frozen or silently lost broker holds its batches for the whole request timeout, even after its partitions have new
  leaders, and aiokafka may ask it for metadata just as long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.conn import CloseReason
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from adapter.errors import (
    BlockedError,
    KafkaError,
    PartitionGoneError,
    TooLargeError,
    TransientKafkaError,
    UnknownOutcomeError,
)
from adapter.kafka import limits
from adapter.kafka.aiokafka_internals import connection_to, encoded_length, fail_everything, set_sender_client
from adapter.kafka.connections import expect_closed_transports
from adapter.kafka.diagnosis import why_unreachable
from adapter.kafka.failures import ends_producer, translate
from adapter.kafka.in_flight_bytes import InFlightBytes, Partition
from adapter.kafka.metadata_pace import SenderClient, pace_metadata
from adapter.kafka.questions import DescribeTopicsRequest, MetadataPartition, MetadataTopic, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping

    from adapter.kafka.options import KafkaOptions
    from adapter.runs import Batch

expect_closed_transports()
pace_metadata()

_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
# What aiokafka raises when a broker does not know a request, or not in the version that we have.
_TOO_OLD = (kafka_errors.IncompatibleBrokerVersion, NotImplementedError)
# aiokafka gives up a batch with these when it has had no leader (the partition has none, or is not in the metadata) for
# longer than the request timeout, although it may have sent it before, to a broker that was killed while it answered.
_WITHOUT_LEADER = (kafka_errors.LeaderNotAvailableError, kafka_errors.NotLeaderForPartitionError)
MAX_RECORDS = 2**31 - 1  # per partition, see above
NO_LEADER = -1
ASK_AGAIN_SECONDS = 1.0  # between metadata requests because of partitions that cannot be written to
LEADER_SECONDS = 1.0  # for one broker to answer a small question, where others can be asked
HALTED_SECONDS = 0.1  # for a producer that sends nothing more to stop
CLOSE_SECONDS = 1.0  # for the rest of a producer whose connections have been closed


class _Given:
    """A batch that aiokafka has: whom it was to send it to, and when it was handed over."""

    __slots__ = ("leader", "since")

    def __init__(self, leader: int, since: float) -> None:
        self.leader = leader
        self.since = since


class Generation:
    """One aiokafka producer. `batches` counts the unanswered ones; `dead` means that no partition can be written to."""

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
        if isinstance(self._producer, AIOKafkaProducer):
            set_sender_client(self._producer, SenderClient)
            self._producer.client.cluster.add_listener(self._leaders_known)
        self._records: dict[Partition, int] = {}
        self._spent: set[Partition] = set()
        self._given: dict[Partition, _Given] = {}  # unanswered batches, the oldest first
        self._asked = float("-inf")
        self._in_flight = InFlightBytes()
        self._halted = False
        self.batches = 0
        self.dead = False

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self, limit: float) -> None:
        """Connect, get a producer id, learn all topics in `limit` seconds. Closes and raises TransientKafkaError."""
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
        # The simulation's substitute for aiokafka has no address to try.
        real = isinstance(self._producer, AIOKafkaProducer)
        return await why_unreachable(self._producer.client, self._connection) if real else None

    def halt(self) -> None:
        """Send nothing more, and fail unanswered batches with ProducerClosed. Those on the wire may still land."""
        self.dead = True
        self._halted = True
        self._in_flight.release_all()
        fail_everything(self._producer)

    async def close(self, limit: float) -> None:
        """Stop gracefully within `limit` seconds, else close the connections. Called once; never raises."""
        # A halted producer has nothing to flush, but would wait for the answers to requests on the wire.
        if not await _ended(self._producer.stop(), HALTED_SECONDS if self._halted else limit):
            self.halt()
        # After `halt`, `stop()` ends with the sender's CancelledError before it has closed the connections.
        await _ended(self._producer.client.close(), CLOSE_SECONDS)

    # -- metadata ----------------------------------------------------------------------------------------------------

    def brokers(self) -> list[tuple[str, int]]:
        """Where the brokers are that it knows: host and port."""
        return [(broker.host, broker.port) for broker in self._producer.client.cluster.brokers()]

    def partitions(self, topic: str) -> int | None:
        """Return the number of partitions of a topic; None if there is no such topic, as far as known."""
        known = self._producer.client.cluster.partitions_for_topic(topic)
        return len(known) if known else None

    async def refresh(self, limit: float) -> None:
        """Request the metadata of all topics, within `limit` seconds. Raises TransientKafkaError."""
        try:
            async with asyncio.timeout(limit):
                refreshed = await self._producer.client.force_metadata_update()
        except TimeoutError as error:
            raise TransientKafkaError(f"no broker has answered for {limit:g} s") from error
        if not refreshed:
            reason = await self._why_unreachable()
            raise TransientKafkaError("no broker can be reached" + (f": {reason}" if reason else ""))

    async def standings(self, topics: Collection[str]) -> dict[str, Standing]:
        """Ask about these topics by name; creates none, and costs little. Raises TransientKafkaError.

        Brokers before 2.3 cannot be asked so, and nothing is said.
        """
        client = self._producer.client
        try:
            async with asyncio.timeout(LEADER_SECONDS):
                answer = await client.send(client.get_random_node(), DescribeTopicsRequest(list(topics)))
        except _TOO_OLD:
            return {}
        except (kafka_errors.KafkaError, OSError) as error:
            raise TransientKafkaError(str(translate(error))) from error
        return {topic.name: topic.standing for topic in (MetadataTopic(*each) for each in answer.topics)}

    async def message_limits(self, topics: Collection[str], limit: float) -> Mapping[str, int | None]:
        """Ask for the topics' largest batch sizes in bytes, within `limit` seconds. Raises TransientKafkaError."""
        try:
            async with asyncio.timeout(limit):
                return await limits.ask(self._producer.client, topics)
        except TimeoutError as error:
            raise TransientKafkaError(f"no answer about topics within {limit:g} s") from error

    # -- batches -----------------------------------------------------------------------------------------------------

    def takes(self, partition: Partition, count: int) -> bool:
        """Count `count` more records of the partition; return False if they cannot be written here."""
        if not self.goes_on(partition):
            return False
        records = self._records.get(partition, 0)
        if records and records + count > self._max_records:
            self._spent.add(partition)
            return False
        self._records[partition] = records + count
        return True

    def goes_on(self, partition: Partition) -> bool:
        """Whether the partition can still be written to here."""
        return not self.dead and partition not in self._spent

    def encode(self, batch: Batch) -> Any:
        """Encode a batch in Kafka's format: 0.9 µs per record of 128 bytes with six headers, nearly all of it in C."""
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

    def measure(self, batch: Batch) -> int:
        """How many bytes of a batch a broker would count."""
        return encoded_length(self.encode(batch))

    @property
    def oldest(self) -> float | None:
        """When the batch was handed over that has had no answer for longest, in monotonic seconds."""
        return next((given.since for given in self._given.values()), None)

    def given_before(self, time: float) -> list[Partition]:
        """Partitions with a batch that was handed over before that time and has no answer."""
        return [partition for partition, given in self._given.items() if given.since < time]

    async def write(self, topic: str, partition: int, builder: Any, size: int) -> int:
        """Write an encoded batch of about `size` bytes; return its first offset, or -1. Raises KafkaError."""
        leader = self._leader(topic, partition)
        await self._in_flight.enter(leader, size, (topic, partition))
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
        self._given[topic, partition] = _Given(leader, asyncio.get_running_loop().time())
        try:
            # Nothing is awaited between our last look at the metadata and aiokafka's.
            metadata = await (await self._producer.send_batch(builder, topic, partition=partition))
        except Exception as error:
            if self._options.enable_idempotence:
                self._spent.add((topic, partition))
            if ends_producer(error):
                self.dead = True
            failure = self._translate(error)
            if isinstance(error, _TOO_LARGE):
                raise TooLargeError(str(failure), encoded_length(builder)) from error
            raise failure from error
        finally:
            del self._given[topic, partition]
        return -1 if metadata is None else int(metadata.offset)  # there is none with acks=0

    def _translate(self, error: Exception) -> KafkaError:
        failure = translate(error)
        if not isinstance(failure, TransientKafkaError) or isinstance(failure, BlockedError):
            return failure  # Kafka has refused the batch, or the producer is lost
        # With idempotence, aiokafka tries again until it knows. Without, it gives up after the request timeout, and
        # what became of its attempts stays open.
        if isinstance(error, _WITHOUT_LEADER) or not self._options.enable_idempotence:
            return UnknownOutcomeError(str(failure))
        return failure

    def _leaders_known(self, _: object) -> None:
        """There is new metadata: whoever waits for a turn at a broker that does not lead its partition waits in vain.

        The turn would come only when that broker has answered, or its batches have timed out.
        """
        leader = self._producer.client.cluster.leader_for_partition
        self._in_flight.release(lambda broker, partition: leader(TopicPartition(*partition)) != broker)

    async def follow_leaders(self, partitions: Iterable[Partition]) -> None:
        """Redirect unanswered batches to the current leaders of their partitions, if these are other brokers.

        Closing the connection to the silent broker makes aiokafka resend them with the same sequence numbers, so a
        record that the silent broker did write is not written twice.
        """
        client = self._producer.client
        waiting = [(partition, self._given[partition]) for partition in partitions if partition in self._given]
        if not waiting:
            return
        silent = {given.leader for _, given in waiting}
        led = {partition: broker for broker in silent for partition in self._in_flight.waiting_for(broker)}
        led |= {partition: given.leader for partition, given in waiting}
        for broker in client.cluster.brokers():
            if broker.nodeId not in silent and await self._learn_leaders(broker.nodeId, led):
                break
        for partition, given in waiting:
            broker = given.leader
            leader = client.cluster.leader_for_partition(TopicPartition(*partition))
            if leader in {None, NO_LEADER, broker} or partition not in self._given:
                continue
            given.leader = leader
            connection = connection_to(client, broker)
            if connection is not None:
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)

    async def _learn_leaders(self, broker: int, led: Mapping[Partition, int]) -> bool:
        """Ask one broker who leads the partitions that were led by these; about all topics if others do.

        Return whether it answered.
        """
        client = self._producer.client
        try:
            async with asyncio.timeout(LEADER_SECONDS):
                leaders = await _leaders(client, broker, {topic for topic, _ in led})
                if leaders is not None and not any(
                    leaders.get(partition, NO_LEADER) not in {NO_LEADER, before} for partition, before in led.items()
                ):
                    return True
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


async def _leaders(client: Any, broker: int, topics: Collection[str]) -> dict[Partition, int] | None:
    """Who leads the partitions of topics, as one broker knows it; None when it is too old to be asked by name."""
    try:
        answer = await client.send(broker, DescribeTopicsRequest(list(topics)))
    except _TOO_OLD:
        return None
    return {
        (topic.name, partition.partition): partition.leader
        for topic in (MetadataTopic(*each) for each in answer.topics)
        for partition in (MetadataPartition(*each) for each in topic.partitions)
    }


async def _ended(coroutine: Coroutine[Any, Any, None], limit: float) -> bool:
    """Wait `limit` seconds, then cancel; return whether it ended in time. Its errors do not matter any more."""
    task = asyncio.get_running_loop().create_task(coroutine)
    _, late = await asyncio.wait((task,), timeout=limit)
    if late:
        task.cancel()
        await asyncio.wait((task,), timeout=CLOSE_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()
    return not late
