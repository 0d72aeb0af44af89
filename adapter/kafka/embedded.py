"""An in-memory Kafka for trying out the adapter: librdkafka's mock cluster. It proves nothing about durability."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError, TransientKafkaError

if TYPE_CHECKING:
    from confluent_kafka import Producer

ANSWER_SECONDS = 10.0


class EmbeddedKafka:
    """One broker on a free port of the loopback interface; its records are lost when the process ends.

    Topics have four partitions. librdkafka keeps the newest 5 MiB of each.
    """

    def __init__(self) -> None:
        self._cluster: Producer | None = None

    async def start(self) -> str:
        """Start it and return its bootstrap servers. Raises ConfigurationError without the confluent-kafka package."""
        try:
            from confluent_kafka import Producer  # noqa: PLC0415 - an extra that production does not have
        except ImportError as error:
            raise ConfigurationError(
                "ADAPTER_KAFKA__BOOTSTRAP_SERVERS: `embedded` needs the package confluent-kafka "
                "(pip install --require-hashes -r requirements/embedded.txt); or name real brokers"
            ) from error
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        metadata = await asyncio.to_thread(self._cluster.list_topics, timeout=ANSWER_SECONDS)
        [broker] = metadata.brokers.values()
        return f"{broker.host}:{broker.port}"

    async def create_topic(self, name: str) -> None:
        """Create a topic, which the mock cluster does when asked for its metadata. Raises TransientKafkaError."""
        from confluent_kafka import KafkaException  # noqa: PLC0415 - as above

        if self._cluster is None:
            raise TransientKafkaError("the embedded Kafka is not running")
        try:
            await asyncio.to_thread(self._cluster.list_topics, name, ANSWER_SECONDS)
        except KafkaException as error:
            raise TransientKafkaError(f"the embedded Kafka created no topic: {error}") from error

    async def stop(self) -> None:
        """Stop it; all records are lost."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await asyncio.to_thread(cluster.close)
