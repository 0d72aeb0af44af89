"""`adapter.kafka.reach`: how far one gets at an address, with servers that are no brokers."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from adapter.kafka.options import KafkaOptions
from adapter.kafka.reach import Reach, Step, reach
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOON = 0.2


@asynccontextmanager
async def server(*, silent: bool) -> AsyncIterator[int]:
    """One that says nothing, or hangs up at once; it ends when its connections have."""
    ended: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        ended.append(task)
        with suppress(ConnectionError):
            if silent:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
    await asyncio.gather(*ended)


async def reached(port: int, host: str = "127.0.0.1", **options: str) -> Reach:
    connection = KafkaOptions("", **options).connection()
    del connection["bootstrap_servers"]
    return await reach(host, port, connection, SOON)


async def test_a_name_that_is_none_fails_at_dns() -> None:
    found = await reached(9092, "nowhere.invalid")
    assert (found.address, found.failed) == ("nowhere.invalid:9092", Step.DNS)


async def test_a_name_that_cannot_be_one_fails_at_dns() -> None:
    assert (await reached(9092, "kafka..local")).failed is Step.DNS


async def test_a_port_without_a_listener_fails_at_tcp() -> None:
    found = await reached(free_port())
    assert found.failed is Step.TCP
    assert "Connect call failed" in found.why


async def test_a_server_that_says_nothing_fails_at_the_api_in_time() -> None:
    async with server(silent=True) as port:
        found = await reached(port)
    assert (found.failed, found.why) == (Step.API, "no answer within 0.2 s")


async def test_a_server_that_says_nothing_fails_at_tls_in_time() -> None:
    async with server(silent=True) as port:
        found = await reached(port, security_protocol="SSL")
    assert (found.failed, found.why) == (Step.TLS, "no answer within 0.2 s")


async def test_a_server_that_hangs_up_fails_at_the_first_step_that_needs_an_answer() -> None:
    async with server(silent=False) as port:
        plain = await reached(port)
        tls = await reached(port, security_protocol="SSL")
    assert (plain.failed, tls.failed) == (Step.API, Step.TLS)
    assert "does it support ADAPTER_KAFKA__SECURITY_PROTOCOL=PLAINTEXT here?" in plain.why
