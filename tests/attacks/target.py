"""What attackers see of the adapter: its ports; and what they do with them: bytes by hand, in many connections."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.support.packets import CONNACK_OK, connect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.support.adapter import Adapter

MUCH = 65_536
NO_CHECK = ssl.CERT_NONE


class Peer:
    """One connection. Whatever the other side does to it is an answer, not an error."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = b""
        self.closed = False

    async def send(self, data: bytes) -> None:
        if not self.closed:
            try:
                self.writer.write(data)
                async with asyncio.timeout(2.0):
                    await self.writer.drain()
            except TimeoutError:
                pass  # it does not read: that is an answer too
            except OSError:
                self.closed = True

    async def read(self, seconds: float = 0.5) -> bytes:
        """What comes within so many seconds, until the end."""
        end = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while not self.closed and (left := end - time.monotonic()) > 0:
                async with asyncio.timeout(left):
                    try:
                        data = await self.reader.read(MUCH)
                    except OSError:
                        data = b""
                self.received += data
                self.closed = not data
        return self.received

    async def answer(self, seconds: float = 5.0) -> bytes:
        """The first that comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                self.received += await self.reader.read(MUCH)
        self.closed = not self.received
        return self.received

    async def until_closed(self, seconds: float) -> bool:
        """Whether the other side ends it in time."""
        await self.read(seconds)
        return self.closed

    def drop(self) -> None:
        self.writer.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.drop()


@dataclass(frozen=True, slots=True)
class Target:
    """`seconds` is how long an attack goes on."""

    adapter: Adapter
    tls_port: int
    ws_port: int
    cafile: Path
    tenant: str
    seconds: float
    opened: list[Peer] = field(default_factory=list)

    async def open(self, port: int | None = None, *, tls: bool = False) -> Peer:
        """A connection. Raises OSError."""
        context = None
        if tls:
            context = ssl.create_default_context(cafile=str(self.cafile))
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.adapter.port, ssl=context)
        peer = Peer(reader, writer)
        self.opened.append(peer)
        return peer

    async def leave(self) -> None:
        """Drop all that is still open."""
        for peer in self.opened:
            peer.drop()
        self.opened.clear()
        await asyncio.sleep(0.1)

    async def device(self, name: str, *, level: int = 4, properties: bytes = b"") -> Peer:
        """One that is connected."""
        peer = await self.open()
        await peer.send(connect(name, level=level, properties=properties, keep_alive=0))
        head = await peer.reader.readexactly(2)
        body = await peer.reader.readexactly(head[1])
        assert (head + body)[:4][3] == CONNACK_OK[3], body
        return peer

    async def repeat(self, one: Callable[[int], Awaitable[None]], pause: float = 0.0) -> int:
        """Do it again and again until the time is over; returns how often."""
        end = time.monotonic() + self.seconds
        count = 0
        while time.monotonic() < end:
            await one(count)
            count += 1
            await asyncio.sleep(pause)
        return count

    def metric(self, name: str, **labels: str) -> float:
        return self.adapter.metric(name, **labels)

    def limited(self, limit: str) -> float:
        return self.metric("adapter_limited_total", limit=limit)


async def all_of(tasks: list[Awaitable[None]]) -> None:
    """At the same time; what a connection suffers is no error."""
    await asyncio.gather(*tasks, return_exceptions=True)
