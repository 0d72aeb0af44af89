"""The bench's own look at Kafka: a topic for each measurement, and how many records it holds."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

PARTITIONS = 4
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.05


class KafkaTopics:
    """An admin client. Raises confluent_kafka.KafkaException when Kafka refuses."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})

    def create(self, topic: str) -> None:
        """Make it, and wait until it can be written to."""
        # Deleted topics leave the disk at once, so that a long bench does not fill it.
        new = NewTopic(topic, PARTITIONS, 1, config={"file.delete.delay.ms": "1000"})
        self._admin.create_topics([new])[topic].result(WAIT_SECONDS)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self.records(topic)
            except KafkaException:  # no leaders yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def delete(self, topic: str) -> None:
        """Remove it and its records."""
        self._admin.delete_topics([topic])[topic].result(WAIT_SECONDS)

    def records(self, topic: str) -> int:
        """How many it holds: the sum of the end offsets."""
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(PARTITIONS)}
        return sum(
            offset.result(WAIT_SECONDS).offset
            for offset in self._admin.list_offsets(wanted, request_timeout=WAIT_SECONDS).values()
        )
