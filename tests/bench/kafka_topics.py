"""The bench's own look at Kafka: a topic for each measurement, and how many records it holds."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined] # its types do not name what it exports

from tests.support.kafka_broker import KafkaBroker

PARTITIONS = 4
WAIT_SECONDS = 30.0
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the same
# Deleted topics leave the disk at once, so that a long bench does not fill it.
CONFIG = {"file.delete.delay.ms": "1000"}


class KafkaTopics:
    """Raises confluent_kafka.KafkaException when Kafka refuses."""

    def __init__(self, broker: KafkaBroker) -> None:
        self._broker = broker

    def create(self, topic: str) -> None:
        """Make it, and wait until it can be written to."""
        self._broker.create_topic(topic, PARTITIONS, CONFIG)

    def delete(self, topic: str) -> None:
        """Remove it and its records."""
        self._broker.delete_topic(topic)

    def records(self, topic: str) -> int:
        """How many it holds: the sum of the end offsets."""
        wanted = {TopicPartition(topic, number): LATEST for number in range(PARTITIONS)}
        answers = self._broker.admin.list_offsets(wanted, request_timeout=WAIT_SECONDS)
        return sum(answer.result(WAIT_SECONDS).offset for answer in answers.values())
