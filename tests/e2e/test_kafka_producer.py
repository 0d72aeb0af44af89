"""The producer on a real Kafka: what it promises while brokers reject, freeze, die and come back."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.structs import TopicPartition

from adapter.errors import ProducerLostError, RejectedError, TransientKafkaError
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from adapter.kafka.topics import Topics
from tests.support.batches import ARRIVED_MS, Sent, deliver, first_occurrences, make_batch, send
from tests.support.records import Record, read_all
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.kafka_broker import KafkaBroker

TOO_LARGE = b"x" * 5000
SMALL_RECORDS = {"max.message.bytes": "2000"}


@asynccontextmanager
async def running(
    kafka: KafkaBroker, *, grace: float | None = None, max_records: int = 2**31 - 1, **options: Any
) -> AsyncIterator[Producer]:
    producer = Producer(
        KafkaOptions(kafka.bootstrap, request_timeout_ms=5000, **options), grace=grace, max_records=max_records
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop(5.0)


async def found(producer: Producer, topic: str) -> None:
    """Have the producer know a topic that was made after it was started."""
    topics = Topics(producer, 60.0, lambda *_: None)
    assert await topics.find(topic) is not None
    await topics.stop()


def inner_producer(producer: Producer) -> Any:
    """The aiokafka producer at work, to break it."""
    assert producer._current is not None
    return producer._current._producer


def hold(producer: Producer, topic: str) -> None:
    """Have the aiokafka producer at work never send what it is given for partition 0."""
    inner_producer(producer)._sender._muted_partitions.add(TopicPartition(topic, 0))


def values(records: list[Record], partition: int) -> list[bytes | None]:
    return [record.value for record in records if record.partition == partition]


async def test_a_batch_reaches_its_partition_with_key_headers_timestamps_and_order(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    topic = kafka.create_topic(unique("write"), 2)
    async with running(kafka) as producer:
        first, second = make_batch(topic, 1, [b"1", b"", b"3"]), make_batch(topic, 1, [b"4"], key=None)
        assert await send(producer, first) is None
        assert await send(producer, second) is None
        assert (first.base_offset, second.base_offset) == (0, 3)
    headers = (("creation-time", b"%d" % ARRIVED_MS), ("device_id", b"device"))
    assert read_all(kafka.bootstrap, topic) == [
        Record(1, 0, b"device", b"1", headers, ARRIVED_MS, topic),
        Record(1, 1, b"device", b"", headers, ARRIVED_MS, topic),
        Record(1, 2, b"device", b"3", headers, ARRIVED_MS, topic),
        Record(1, 3, None, b"4", headers, ARRIVED_MS, topic),
    ]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_reaches_kafka(
    kafka: KafkaBroker, unique: Callable[[str], str], compression: str | None
) -> None:
    topic = kafka.create_topic(unique("compressed"), 1)
    payloads = [b"a" * 500, b"b" * 500]
    async with running(kafka, compression_type=compression) as producer:
        assert await send(producer, make_batch(topic, 0, payloads)) is None
    assert values(read_all(kafka.bootstrap, topic), 0) == payloads


@pytest.mark.parametrize(("acks", "base_offset"), [("1", 0), ("0", -1)])
async def test_weaker_acknowledgements_are_answered_too(
    kafka: KafkaBroker, unique: Callable[[str], str], acks: str, base_offset: int
) -> None:
    topic = kafka.create_topic(unique("acks"), 1)
    async with running(kafka, acks=acks, enable_idempotence=False) as producer:
        batch = make_batch(topic, 0, [b"1"])
        assert await send(producer, batch) is None
        assert batch.base_offset == base_offset
    assert values(read_all(kafka.bootstrap, topic, 1), 0) == [b"1"]


async def test_no_topic_is_ever_created(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    """The broker creates topics that a metadata request names: none names any."""
    missing = unique("missing")
    deleted = kafka.create_topic(unique("deleted"), 1)
    async with running(kafka) as producer:
        topics = Topics(producer, 60.0, lambda *_: None)
        assert await topics.find(missing) is None
        assert isinstance(await send(producer, make_batch(missing, 0, [b"1"])), TransientKafkaError)
        assert await send(producer, make_batch(deleted, 0, [b"1"])) is None
        assert isinstance(await send(producer, make_batch(deleted, 7, [b"1"])), TransientKafkaError)
        kafka.delete_topic(deleted)
        error = None
        while error is None or "is not known" not in str(error):  # first it may be found out by the broker's answer
            error = await send(producer, make_batch(deleted, 0, [b"2"]), within=60)
        for _ in range(3):
            await topics.refresh()
        assert topics.partition_count(missing) is None
        await topics.stop()
    assert {missing, deleted}.isdisjoint(kafka.topics())


async def test_a_rejected_batch_costs_nobody_else_anything(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    """Its sequence numbers are spent, so the producer is replaced: unseen, in order, without repetition."""
    topic = kafka.create_topic(unique("reject"), 2, SMALL_RECORDS)
    async with running(kafka) as producer:
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        rejected, other = (
            Sent(producer, make_batch(topic, 0, [TOO_LARGE])),
            Sent(producer, make_batch(topic, 1, [b"a"])),
        )
        error = await rejected.answer()
        assert isinstance(error, RejectedError)
        assert "MESSAGE_SIZE_TOO_LARGE" in str(error)
        assert await send(producer, make_batch(topic, 0, [b"2"])) is None
        assert await other.answer() is None
        assert await send(producer, make_batch(topic, 1, [b"b"])) is None
        assert producer.replacements == 1
        assert producer.ready
    records = read_all(kafka.bootstrap, topic)
    assert values(records, 0) == [b"1", b"2"]
    assert values(records, 1) == [b"a", b"b"]


async def test_without_idempotence_a_rejection_replaces_nothing(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    topic = kafka.create_topic(unique("reject"), 1, SMALL_RECORDS)
    async with running(kafka, enable_idempotence=False) as producer:
        assert isinstance(await send(producer, make_batch(topic, 0, [TOO_LARGE])), RejectedError)
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        assert producer.replacements == 0


async def test_rejections_in_a_row_are_all_survived(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    """As when delivery halves a batch until the culprit stands alone."""
    topic = kafka.create_topic(unique("reject"), 1, SMALL_RECORDS)
    async with running(kafka) as producer:
        for number in range(8):
            producer._sizes.told({topic}, {})  # else it would not be sent again
            assert isinstance(await send(producer, make_batch(topic, 0, [TOO_LARGE])), RejectedError)
            assert await send(producer, make_batch(topic, 0, [b"%d" % number])) is None
        assert producer.replacements == 8
    assert values(read_all(kafka.bootstrap, topic), 0) == [b"%d" % number for number in range(8)]


async def test_a_partition_whose_sequence_numbers_run_out_goes_on_with_a_new_producer(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    topic = kafka.create_topic(unique("wrap"), 1)
    async with running(kafka, max_records=10) as producer:
        for number in range(10):
            payloads = [b"%d" % number] * 3
            assert await send(producer, make_batch(topic, 0, payloads)) is None
        assert producer.replacements == 3
    assert values(read_all(kafka.bootstrap, topic), 0) == [b"%d" % (place // 3) for place in range(30)]


async def test_an_out_of_order_sequence_is_answered_as_unknown_and_the_batch_lands_when_sent_again(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    topic = kafka.create_topic(unique("sequence"), 1)
    async with running(kafka) as producer:
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        inner_producer(producer)._txn_manager.increment_sequence_number((topic, 0), 5)  # as if a batch had got lost
        batch = make_batch(topic, 0, [b"2"])
        error = await send(producer, batch)
        assert isinstance(error, ProducerLostError)
        assert "OUT_OF_ORDER_SEQUENCE_NUMBER" in str(error)
        assert await send(producer, batch) is None
        assert producer.replacements == 1
    assert values(read_all(kafka.bootstrap, topic), 0) == [b"1", b"2"]


async def test_what_a_replaced_producer_cannot_bring_to_an_end_is_reported_as_lost(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    """One partition stands still for ever; the other one needs a new producer."""
    stuck = kafka.create_topic(unique("stuck"), 1)
    topic = kafka.create_topic(unique("reject"), 1, SMALL_RECORDS)
    async with running(kafka, grace=0.5) as producer:
        hold(producer, stuck)
        waiting = Sent(producer, make_batch(stuck, 0, [b"1"]))
        assert isinstance(await send(producer, make_batch(topic, 0, [TOO_LARGE])), RejectedError)
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        assert not waiting.answered
        assert isinstance(await waiting.answer(5.0), ProducerLostError)
        assert await send(producer, waiting.batch) is None
        assert await send(producer, make_batch(topic, 0, [b"2"])) is None
    assert values(read_all(kafka.bootstrap, stuck), 0) == [b"1"]
    assert values(read_all(kafka.bootstrap, topic), 0) == [b"1", b"2"]


async def test_stop_has_a_time_limit_and_answers_what_is_pending(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    stuck = kafka.create_topic(unique("stuck"), 1)
    async with running(kafka) as producer:
        hold(producer, stuck)
        waiting = Sent(producer, make_batch(stuck, 0, [b"1"]))
        began = time.monotonic()
        await producer.stop(0.5)
        assert time.monotonic() - began < 3.0
        assert waiting.answered
        assert isinstance(await waiting.answer(), ProducerLostError)
        assert isinstance(await send(producer, make_batch(stuck, 0, [b"2"])), ProducerLostError)
        assert producer.problem == "stopped"


async def test_start_says_that_kafka_is_away_and_can_be_tried_again(own_kafka: KafkaBroker) -> None:
    own_kafka.stop()
    producer = Producer(KafkaOptions(own_kafka.bootstrap))
    with pytest.raises(TransientKafkaError, match=own_kafka.bootstrap):
        await producer.start()
    assert own_kafka.bootstrap in str(producer.problem)
    own_kafka.start()
    await producer.start()
    assert producer.problem is None
    await producer.stop(1.0)


async def test_a_frozen_broker_costs_neither_order_nor_a_record(own_kafka: KafkaBroker) -> None:
    topic = own_kafka.create_topic("frozen", 2)
    async with running(own_kafka) as producer:
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        own_kafka.pause()
        waiting = [Sent(producer, make_batch(topic, partition, [b"2", b"3"])) for partition in (0, 1)]
        await until(lambda: not producer.ready)
        assert not any(sent.answered for sent in waiting)
        await asyncio.sleep(2.0)  # past the request timeout: the client gives its connection up
        own_kafka.resume()
        assert [await sent.answer() for sent in waiting] == [None, None]
        assert await send(producer, make_batch(topic, 0, [b"4"])) is None
        await until(lambda: producer.ready)
    records = read_all(own_kafka.bootstrap, topic)
    assert values(records, 0) == [b"1", b"2", b"3", b"4"]
    assert values(records, 1) == [b"2", b"3"]


async def test_a_frozen_broker_is_noticed_without_traffic(own_kafka: KafkaBroker) -> None:
    async with running(own_kafka) as producer:
        own_kafka.pause()
        await until(lambda: not producer.ready, 40.0)
        own_kafka.resume()
        await until(lambda: producer.ready, 40.0)


async def test_stop_is_bounded_while_the_broker_is_frozen(own_kafka: KafkaBroker) -> None:
    topic = own_kafka.create_topic("frozen", 1)
    async with running(own_kafka) as producer:
        assert await send(producer, make_batch(topic, 0, [b"1"])) is None
        own_kafka.pause()
        waiting = Sent(producer, make_batch(topic, 0, [b"2"]))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await producer.stop(0.5)
        assert time.monotonic() - began < 8.0
        assert isinstance(await waiting.answer(), ProducerLostError)


async def test_lanes_survive_rejections_freezes_and_restarts_in_order(own_kafka: KafkaBroker) -> None:
    """Every record that was not rejected is in its partition, and first occurrences are in order."""
    topic = own_kafka.create_topic("chaos", 6, SMALL_RECORDS)
    accepted: dict[int, list[bytes]] = {partition: [] for partition in range(6)}

    async def lane(producer: Producer, partition: int) -> None:
        for number in range(150):
            bad = number % 40 == 10 * (partition % 4)
            payloads = [TOO_LARGE] if bad else [b"%d-%d" % (number, place) for place in range(5)]
            producer._sizes.told({topic}, {})  # else what is too large would not be sent again
            error = await deliver(producer, make_batch(topic, partition, payloads), 120.0)
            assert isinstance(error, RejectedError) == bad
            if not bad:
                accepted[partition] += payloads
            await asyncio.sleep(0.05)

    async with running(own_kafka, grace=1.0) as producer:
        async with asyncio.TaskGroup() as lanes:
            for partition in range(6):
                lanes.create_task(lane(producer, partition))
            await asyncio.sleep(1.0)
            own_kafka.pause()
            await asyncio.sleep(2.0)
            own_kafka.resume()
            await asyncio.sleep(1.0)
            await asyncio.to_thread(own_kafka.kill)
            await asyncio.sleep(1.0)
            await asyncio.to_thread(own_kafka.start)
        assert producer.ready
        assert producer.replacements > 1
    records = read_all(own_kafka.bootstrap, topic)
    landed = {
        partition: first_occurrences([record.value or b"" for record in records if record.partition == partition])
        for partition in range(6)
    }
    assert landed == accepted


async def test_new_topics_more_partitions_and_deletions_are_noticed(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    changes: list[tuple[str, int, int]] = []
    topic = unique("grown")
    async with running(kafka) as producer:
        topics = Topics(producer, 0.1, lambda *change: changes.append(change))
        await topics.start()
        assert await topics.find(topic) is None
        kafka.create_topic(topic, 2)
        assert await topics.find(topic) == 2
        kafka.add_partitions(topic, 5)
        await until(lambda: bool(changes))
        assert changes == [(topic, 2, 5)]
        assert topics.partition_count(topic) == 5
        assert await send(producer, make_batch(topic, 4, [b"1"])) is None
        kafka.delete_topic(topic)
        await until(lambda: len(changes) > 1)
        assert changes[1:] == [(topic, 5, 0)]
        assert topics.partition_count(topic) is None
        await topics.stop()
    assert topic not in kafka.topics()
