"""Reads Kafka back with librdkafka: a client that shares no code with the adapter."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

LEADER_SECONDS = 10.0
NO_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError._UNKNOWN_PARTITION)


@dataclass(frozen=True, slots=True)
class Record:
    """As it stands in Kafka; `timestamp` in ms."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    topic: str = ""


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "log_level": 0,
        }
    )


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """The next offset of each partition."""
    consumer = _consumer(bootstrap)
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        return {number: _end(consumer, TopicPartition(topic, number)) for number in partitions}
    finally:
        consumer.close()


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """Ask again while there is no leader: the topic was made just now, or its broker was frozen until now."""
    deadline = time.monotonic() + LEADER_SECONDS
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=10)[1])
        except KafkaException as error:
            if error.args[0].code() not in NO_LEADER or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def read_all(bootstrap: str, topic: str, count: int | None = None, timeout: float = 30.0) -> list[Record]:
    """Everything in a topic up to its end now, partition by partition, in offset order.

    With `count`, wait up to `timeout` seconds until there are so many.
    """
    deadline = time.monotonic() + timeout
    while count is not None and sum(end_offsets(bootstrap, topic).values()) < count and time.monotonic() < deadline:
        pass
    ends = end_offsets(bootstrap, topic)
    consumer = _consumer(bootstrap)
    records: list[Record] = []
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in ends])
        left = {number for number, end in ends.items() if end}
        while left and time.monotonic() < deadline + timeout:
            for message in consumer.consume(10_000, timeout=0.2):
                assert message.error() is None, message.error()
                end = ends[message.partition()]
                if message.offset() >= end - 1:
                    left.discard(message.partition())
                if message.offset() >= end:  # written meanwhile
                    continue
                headers = tuple((name, value) for name, value in message.headers() or ())
                records.append(
                    Record(
                        message.partition(),
                        message.offset(),
                        message.key(),
                        message.value(),
                        headers,
                        message.timestamp()[1],
                        topic,
                    )
                )
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.partition, record.offset))
