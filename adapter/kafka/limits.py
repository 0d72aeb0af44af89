"""Finds the largest batch of each topic (`max.message.bytes`, which defaults to the broker's `message.max.bytes`).

Brokers measure a batch as it arrives, compressed. Reading the limit needs the DescribeConfigs right on the topic, which
a writer may lack. Then the configured batch size applies, and Kafka rejects larger batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import structlog
from aiokafka import errors
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.protocol.admin import DescribeConfigsRequest

from adapter.errors import TransientKafkaError
from adapter.kafka.failures import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = "max.message.bytes"


class Source(Protocol):
    """The part of the producer that is needed here."""

    async def message_limits(self, topics: Collection[str]) -> Mapping[str, int | None]:
        """Return the limit of each topic in bytes, None if the adapter lacks the right. Raises TransientKafkaError."""


class Limits:
    """Asks for limits and passes on new ones; `on_limit` gets topic and bytes."""

    def __init__(self, source: Source, on_limit: Callable[[str, int], None]) -> None:
        self._source = source
        self._on_limit = on_limit
        self._known: dict[str, int] = {}
        self._said = False

    async def learn(self, topics: Collection[str]) -> None:
        """Ask once; limits that Kafka does not report stay the same."""
        try:
            limits = await self._source.message_limits(topics)
        except TransientKafkaError:
            return  # they are asked for again, with the topics' partition counts
        for topic, limit in limits.items():
            if limit is not None and self._known.get(topic) != limit:
                self._known[topic] = limit
                self._on_limit(topic, limit)
        untold = next((topic for topic, limit in limits.items() if limit is None), None)
        if untold is not None and not self._said:
            self._said = True
            log.info(
                "Kafka does not report how large a batch may be, so ADAPTER_KAFKA__MAX_BATCH_SIZE applies; "
                "grant DescribeConfigs on the topics to apply their max.message.bytes",
                kafka_topic=untold,
            )


async def ask(client: Any, topics: Collection[str]) -> dict[str, int | None]:
    """Ask any broker for the topics' limits in bytes through an aiokafka client; None: the adapter lacks the right.

    Topics that do not exist are left out. Raises TransientKafkaError.
    """
    resources = [(ConfigResourceType.TOPIC, topic, [MAX_MESSAGE_BYTES]) for topic in topics]
    try:
        answer = await client.send(client.get_random_node(), DescribeConfigsRequest(resources))
    except errors.IncompatibleBrokerVersion:
        return {}
    except (errors.KafkaError, OSError) as error:
        raise TransientKafkaError(str(translate(error))) from error
    limits: dict[str, int | None] = {}
    for code, _, _, topic, entries in answer.resources:
        if code == errors.TopicAuthorizationFailedError.errno:
            limits[topic] = None
        elif not code:
            limits.update((topic, int(value)) for name, value, *_ in entries if name == MAX_MESSAGE_BYTES and value)
    return limits
