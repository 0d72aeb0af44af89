"""`tail` shows what reaches Kafka."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from aiokafka.structs import TopicPartition

from adapter.errors import TransientKafkaError
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from adapter.kafka.tail import Reader, TailFilter, TailRecord, tail
from tests.support.batches import ARRIVED_MS, make_batch, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALL = TailFilter(re.compile("^plant"))
HEADERS = (("creation-time", b"%d" % ARRIVED_MS), ("device_id", b"device"))


class Plant:
    """An embedded Kafka and a producer."""

    def __init__(self, kafka: EmbeddedKafka, producer: Producer, options: KafkaOptions) -> None:
        self._kafka = kafka
        self._producer = producer
        self.options = options

    async def make(self, topic: str) -> None:
        await self._kafka.create_topic(topic)
        await self._producer.refresh_metadata()

    async def write(self, topic: str, partition: int, *payloads: bytes, key: bytes = b"device") -> None:
        assert await send(self._producer, make_batch(topic, partition, payloads, key=key)) is None


@pytest.fixture
async def plant() -> AsyncIterator[Plant]:
    kafka = EmbeddedKafka()
    options = KafkaOptions(await kafka.start())
    producer = Producer(options)
    await producer.start()
    plant = Plant(kafka, producer, options)
    await plant.make("plant.a")
    yield plant
    await producer.stop(1.0)
    await kafka.stop()


async def values(records: AsyncIterator[TailRecord]) -> list[bytes | None]:
    return [record.value async for record in records]


async def test_a_record_is_shown_whole(plant: Plant) -> None:
    await plant.write("plant.a", 2, b"0", b"1")
    records = [record async for record in tail(plant.options, ALL, from_beginning=True, limit=2)]
    assert records[1] == TailRecord("plant.a", 2, 1, ARRIVED_MS, b"device", HEADERS, b"1")


async def test_it_begins_now_when_not_asked_for_the_beginning(plant: Plant) -> None:
    await plant.write("plant.a", 0, b"before")
    records = tail(plant.options, ALL, limit=1)
    showing = asyncio.create_task(values(records))
    async with asyncio.timeout(20):
        while not showing.done():
            await plant.write("plant.a", 0, b"after")
            await asyncio.wait((showing,), timeout=0.1)
    assert await showing == [b"after"]


async def test_a_topic_that_appears_later_is_shown_from_its_first_record_on(plant: Plant) -> None:
    records = tail(plant.options, ALL, from_beginning=True)
    await plant.write("plant.a", 0, b"1")
    async with asyncio.timeout(20):
        assert (await anext(records)).value == b"1"
        await plant.make("plant.b")
        await plant.write("plant.b", 1, b"2")
        await plant.make("other")
        await plant.write("other", 1, b"3")
        assert (await anext(records)).value == b"2"
        await plant.write("plant.a", 0, b"4")
        assert (await anext(records)).value == b"4"
    await records.aclose()  # type: ignore[attr-defined] # it is a generator


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (TailFilter(re.compile("a$"), partition=1), [b"b", b"d"]),
        (TailFilter(re.compile("a$"), key=b"k2"), [b"c", b"d"]),
        (TailFilter(re.compile("a$"), partition=1, key=b"k2"), [b"d"]),
        (TailFilter(re.compile("a$"), headers=(("device_id", b"device"),)), [b"a", b"b", b"c", b"d"]),
    ],
)
async def test_filters_hold_together(plant: Plant, wanted: TailFilter, shown: list[bytes]) -> None:
    await plant.write("plant.a", 0, b"a", key=b"k1")
    await plant.write("plant.a", 1, b"b", key=b"k1")
    await plant.write("plant.a", 0, b"c", key=b"k2")
    await plant.write("plant.a", 1, b"d", key=b"k2")
    records = tail(plant.options, wanted, from_beginning=True, limit=len(shown))
    assert set(shown) == set(await values(records))


def test_a_record_without_a_wanted_header_is_not_wanted() -> None:
    record = TailRecord("plant.a", 0, 0, ARRIVED_MS, b"k", HEADERS, b"")
    assert not TailFilter(re.compile(""), headers=(("device_id", b"other"),)).wants(record)


async def test_kafka_that_cannot_be_reached_is_an_error() -> None:
    options = KafkaOptions("127.0.0.1:1")
    with pytest.raises(TransientKafkaError):
        await values(tail(options, ALL, limit=1))


class Cluster:
    """What a client knows: which partitions exist, and which of them have a leader."""

    def __init__(self) -> None:
        self.existing = {0, 1}
        self.led = {0, 1}

    def topics(self) -> set[str]:
        return {"plant"}

    def partitions_for_topic(self, _: str) -> set[int]:
        return self.existing

    def available_partitions_for_topic(self, _: str) -> set[int]:
        return self.led


class Consumer:
    """An AIOKafkaConsumer, as `Reader` uses it; its own client."""

    def __init__(self) -> None:
        self._client = self
        self.cluster = Cluster()
        self.assigned: list[TopicPartition] = []
        self.places: dict[TopicPartition, int] = {}
        self.fetched: dict[TopicPartition, list[SimpleNamespace]] = {}
        self.end = 100

    def set_topics(self, _: object) -> None:
        pass

    async def force_metadata_update(self) -> bool:
        return True

    async def position(self, place: TopicPartition) -> int:
        return self.places[place]

    async def beginning_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.end)

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.places[place] = offset

    async def getmany(self, **_: int) -> dict[TopicPartition, list[SimpleNamespace]]:
        return self.fetched


def raw(partition: int, offset: int, timestamp: int) -> SimpleNamespace:
    return SimpleNamespace(
        topic="plant", partition=partition, offset=offset, timestamp=timestamp, key=None, headers=(), value=b""
    )


async def test_a_partition_without_a_leader_for_a_moment_is_read_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapter.kafka.tail.LOOK_FOR_TOPICS_SECONDS", 0.0)
    consumer = Consumer()
    reader = Reader(consumer, ALL)  # type: ignore[arg-type]
    await reader.assign(from_beginning=False)
    first, second = TopicPartition("plant", 0), TopicPartition("plant", 1)
    consumer.seek(second, 107)
    consumer.cluster.led = {0}
    await reader.next()
    assert reader.assigned == {first, second}
    consumer.cluster.led = {0, 1}
    await reader.next()
    assert consumer.places == {first: 100, second: 107}
    consumer.cluster.existing = consumer.cluster.led = {0}
    await reader.next()
    assert reader.assigned == {first}


@pytest.mark.parametrize(("end", "start"), [(150, 107), (107, 107), (3, 0)])
async def test_a_partition_that_is_gone_for_a_moment_is_read_on_where_it_was_unless_its_topic_is_new(
    monkeypatch: pytest.MonkeyPatch, end: int, start: int
) -> None:
    monkeypatch.setattr("adapter.kafka.tail.LOOK_FOR_TOPICS_SECONDS", 0.0)
    consumer = Consumer()
    reader = Reader(consumer, ALL)  # type: ignore[arg-type]
    await reader.assign(from_beginning=False)
    first, second = TopicPartition("plant", 0), TopicPartition("plant", 1)
    for known in ({0}, set[int]()):
        consumer.fetched = {second: [raw(1, 106, 0)]}
        await reader.next()
        consumer.fetched = {}
        consumer.cluster.existing = consumer.cluster.led = known
        await reader.next()
        assert second not in reader.assigned
        del consumer.places[second]  # the consumer itself has forgotten
        consumer.end = end
        consumer.cluster.existing = consumer.cluster.led = {0, 1}
        await reader.next()
        assert reader.assigned == {first, second}
        assert consumer.places[second] == start


async def test_the_records_of_a_partition_are_in_the_order_of_their_offsets_whatever_their_time() -> None:
    consumer = Consumer()
    reader = Reader(consumer, ALL)  # type: ignore[arg-type]
    await reader.assign(from_beginning=True)
    consumer.fetched = {
        TopicPartition("plant", 0): [raw(0, 0, 20), raw(0, 1, 10), raw(0, 2, 30)],
        TopicPartition("plant", 1): [raw(1, 0, 15), raw(1, 1, 40)],
    }
    records = [(record.partition, record.offset) for record in await reader.next()]
    assert records == [(1, 0), (0, 0), (0, 1), (0, 2), (1, 1)]
