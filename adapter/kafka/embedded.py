"""A Kafka in memory, for trying the adapter out: librdkafka's mock cluster. It proves nothing about durability."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError

if TYPE_CHECKING:
    from confluent_kafka import Producer

PARTITIONS = 4  # librdkafka's default for topics that are made by asking for them
ANSWER_SECONDS = 10.0


class EmbeddedKafka:
    """One broker on a port of its own choice on the loopback interface, gone with the process."""

    def __init__(self) -> None:
        self._cluster: Producer | None = None

    async def start(self) -> str:
        """Start it; returns its bootstrap servers. Raises ConfigurationError without the confluent-kafka package."""
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
        """Make a topic; the mock cluster does when it is asked about one."""
        assert self._cluster is not None, "start() comes first"
        await asyncio.to_thread(self._cluster.list_topics, name, ANSWER_SECONDS)

    async def stop(self) -> None:
        """End it, and forget everything."""
        self._cluster = None
