"""Why Kafka cannot be reached, at addresses that fail in different ways. With a real broker: tests/e2e."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import BrokerMetadata

from adapter.kafka.diagnosis import why_unreachable
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from tests.support.certificates import Authority
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def reason(bootstrap: str, *known: BrokerMetadata, limit: float = 5.0, **options: Any) -> str | None:
    """What is found, for a client that knows these brokers."""
    connection = KafkaOptions(bootstrap, **options).connection()
    client = AIOKafkaClient(**connection)
    client.cluster._brokers = {broker.nodeId: broker for broker in known}
    return await why_unreachable(client, connection, limit)


async def test_nothing_is_found_where_kafka_answers() -> None:
    embedded = EmbeddedKafka()
    try:
        assert await reason(await embedded.start()) is None
    finally:
        await embedded.stop()


async def test_an_address_that_nobody_listens_on() -> None:
    address = f"127.0.0.1:{free_port()}"
    found = await reason(address)
    assert found is not None
    assert found.startswith(f"{address}: [Errno 111] ")


async def test_a_name_that_no_host_can_have() -> None:
    found = await reason("kafka..local:9092")
    assert found is not None
    assert found.startswith("kafka..local:9092: ")


async def test_a_broker_that_is_not_where_it_says_it_is() -> None:
    embedded = EmbeddedKafka()
    port = free_port()
    try:
        found = await reason(await embedded.start(), BrokerMetadata(7, "127.0.0.1", port, None))
    finally:
        await embedded.stop()
    assert found is not None
    assert found.startswith(f"127.0.0.1:{port}: [Errno 111] ")


async def test_an_address_that_does_not_answer_is_waited_for_no_longer_than_the_limit() -> None:
    async with listening(says_nothing) as address:
        assert await reason(address, limit=0.1) == f"{address}: no answer within 0.1 s"


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
async def test_a_broker_that_closes_the_connection(protocol: str) -> None:
    async with listening(closes) as address:
        said = f"does it support ADAPTER_KAFKA__SECURITY_PROTOCOL={protocol} here?"
        found = await reason(address, security_protocol=protocol)
        assert found == f"{address}: the broker closes the connection: {said}"


async def test_who_refuses_is_named_before_who_is_away(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path, "stranger").sign("broker"))
    cafile = Authority(tmp_path, "authority").cafile
    async with listening(says_nothing, context) as address:
        bootstrap = f"127.0.0.1:{free_port()},{address},127.0.0.1:{free_port()}"
        assert await reason(bootstrap, security_protocol="SSL", ssl_cafile=str(cafile)) == (
            f"{address}: the broker's certificate is not accepted (unable to get local issuer certificate): "
            "check ADAPTER_KAFKA__SSL_CAFILE"
        )
