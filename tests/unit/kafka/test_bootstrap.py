"""A new producer begins with a broker that answers, wherever it stands among those that do not."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from adapter.errors import TransientKafkaError
from adapter.kafka.bootstrap import find_server
from adapter.kafka.connecting import Connecting
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.health import Health
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from tests.support.batches import make_batch, send
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def kafka() -> AsyncIterator[str]:
    embedded = EmbeddedKafka()
    yield await embedded.start()
    await embedded.stop()


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never says anything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host, int(port)


async def test_the_one_that_answers_is_found_among_silent_ones(kafka: str, silent: str) -> None:
    servers = f"{silent},kafka..local:9092,127.0.0.1:{free_port()},{kafka}"
    async with asyncio.timeout(3):
        assert await find_server(KafkaOptions(servers), (), 10.0) == kafka


async def test_a_broker_that_is_known_already_will_do(kafka: str, silent: str) -> None:
    async with asyncio.timeout(3):
        assert await find_server(KafkaOptions(silent), [address(kafka)], 10.0) == kafka


async def test_when_none_answers_it_is_said_in_time(silent: str) -> None:
    with pytest.raises(TransientKafkaError, match=f"^{silent}: no answer within 0.1 s$"):
        await find_server(KafkaOptions(silent), (), 0.1)


async def test_a_silent_bootstrap_server_delays_neither_start_nor_replacement(kafka: str, silent: str) -> None:
    options = KafkaOptions(f"{silent},{kafka}")
    connecting = Connecting(options, Health())
    began = time.monotonic()
    for _ in range(5):  # aiokafka shuffles its servers
        generation = await connecting.connect()
        await generation.close(1.0)
    assert time.monotonic() - began < 5


async def test_a_replacement_needs_no_bootstrap_server_as_long_as_a_broker_is_known(kafka: str, silent: str) -> None:
    producer = Producer(KafkaOptions(kafka))
    await producer.start()
    assert producer._current is not None
    producer._connecting._options = KafkaOptions(silent)
    producer._current.dead = True
    await send(producer, make_batch("missing", 0, [b"1"]), 5.0)
    assert producer.replacements == 1
    await producer.stop(1.0)
