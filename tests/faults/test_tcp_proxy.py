"""The proxy spoils the network as it says, so that the faults are what they are called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 10.0
QUIET_SECONDS = 0.1  # nothing has come for so long: nothing comes


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = TcpProxy(server.sockets[0].getsockname()[1])
    yield proxy
    proxy.close()
    server.close()


class Client:
    """A connection through the proxy to something that answers with what it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, proxy: TcpProxy) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def echo(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.hear()

    async def hear(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(100), SECONDS)

    async def hears_nothing(self) -> bool:
        try:
            await asyncio.wait_for(self.reader.read(100), QUIET_SECONDS)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self.writer.close()


async def test_bytes_pass(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    assert await client.echo(b"a") == b"a"
    client.close()


async def test_a_cut_ends_connections_and_refuses_new_ones_until_it_heals(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    await client.echo(b"a")
    proxy.cut()
    assert await client.hear() == b""
    with pytest.raises(ConnectionRefusedError):
        await Client.connect(proxy)
    proxy.heal()
    again = await Client.connect(proxy)
    assert await again.echo(b"b") == b"b"
    for each in (client, again):
        each.close()


async def test_a_reset_is_a_reset_and_new_connections_are_taken(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    await client.echo(b"a")
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await client.hear()
    again = await Client.connect(proxy)
    assert await again.echo(b"b") == b"b"
    for each in (client, again):
        each.close()


async def test_what_a_black_hole_holds_comes_when_it_heals(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    await client.echo(b"a")
    proxy.blackhole()
    client.writer.write(b"b")
    assert await client.hears_nothing()
    proxy.heal()
    assert await client.hear() == b"b"
    client.close()


async def test_half_open_connections_hear_nothing_and_are_reset_when_the_other_end_is_back(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    await client.echo(b"a")
    proxy.half_open()
    late = await Client.connect(proxy)
    for each in (client, late):
        each.writer.write(b"b")
        assert await each.hears_nothing()
    proxy.heal()
    for each in (client, late):
        with pytest.raises(ConnectionResetError):
            await each.hear()
        each.close()


async def test_a_delay_delays_and_a_limit_limits(proxy: TcpProxy) -> None:
    client = await Client.connect(proxy)
    clock = asyncio.get_running_loop().time
    proxy.delay, began = 0.1, clock()
    assert await client.echo(b"a") == b"a"
    assert clock() - began >= 0.2
    proxy.heal()
    proxy.rate, began = 1000.0, clock()
    assert await client.echo(b"." * 100) == b"." * 100
    assert clock() - began >= 0.2
    client.close()
