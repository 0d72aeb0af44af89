"""The Kafka in memory does all that the adapter and `tail` need."""

from __future__ import annotations

import re
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from adapter.errors import ConfigurationError, TransientKafkaError
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from adapter.kafka.tail import TailFilter, tail
from adapter.kafka.topics import Topics
from tests.support.batches import make_batch, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedKafka]:
    kafka = EmbeddedKafka()
    yield kafka
    await kafka.stop()


async def test_a_topic_that_nobody_has_made_can_be_written_at_once_and_read_back(embedded: EmbeddedKafka) -> None:
    options = KafkaOptions(await embedded.start())
    producer = Producer(options)
    await producer.start()
    topics = Topics(producer, 60.0, lambda *_: None, embedded.create_topic)
    assert await topics.find("hono.telemetry.demo") == 4
    assert await send(producer, make_batch("hono.telemetry.demo", 3, [b"21.5"])) is None
    await topics.stop()
    await producer.stop(1.0)
    records = tail(options, TailFilter(re.compile("^hono")), from_beginning=True, limit=1)
    [record] = [record async for record in records]
    assert (record.topic, record.partition, record.key, record.value) == ("hono.telemetry.demo", 3, b"device", b"21.5")


async def test_it_listens_on_the_loopback_interface_only_until_it_is_stopped(embedded: EmbeddedKafka) -> None:
    host, _, port = (await embedded.start()).rpartition(":")
    assert host == "127.0.0.1"
    socket.create_connection((host, int(port)), 1.0).close()
    await embedded.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 1.0)


async def test_it_makes_no_topic_when_it_does_not_run(embedded: EmbeddedKafka) -> None:
    with pytest.raises(TransientKafkaError):
        await embedded.create_topic("plant")


async def test_without_its_package_it_says_what_to_do(embedded: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(ConfigurationError, match=r"ADAPTER_KAFKA__BOOTSTRAP_SERVERS.*confluent-kafka"):
        await embedded.start()
