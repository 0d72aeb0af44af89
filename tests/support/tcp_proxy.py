"""A TCP proxy whose network a test can spoil: it stands before a port of this machine, in a thread of its own.

forward      bytes pass, after `delay` seconds, no more than `rate` bytes a second each way
blackhole    no byte passes; nothing is closed, and nothing is lost when it heals
half-open    what is connected has lost its other end without a word; so has every new connection; when it heals,
             the other end is there again and knows nothing of these connections: they are reset
cut          all connections are closed, new ones refused
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

HOST = "127.0.0.1"
CALL_SECONDS = 10.0
CHUNK = 65_536
QUEUED = 64  # chunks that a delayed direction holds before its sender is not read any more
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends a reset

Result = TypeVar("Result")


class Mode(Enum):
    """See the module."""

    FORWARD = "forward"
    BLACKHOLE = "blackhole"
    HALF_OPEN = "half-open"
    CUT = "cut"


class _Threads:
    """The loop of all proxies, and its thread: started with the first one, ends with the process."""

    loop: asyncio.AbstractEventLoop | None = None
    lock = threading.Lock()

    @classmethod
    def call(cls, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run it there, and wait for what it returns."""
        with cls.lock:
            if cls.loop is None:
                cls.loop = asyncio.new_event_loop()
                threading.Thread(target=cls.loop.run_forever, name="tcp-proxies", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(coroutine, cls.loop).result(CALL_SECONDS)


class TcpProxy:
    """Takes connections on `port` and passes them on to `target`, another port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = Mode.FORWARD
        self.delay = 0.0  # seconds
        self.rate: float | None = None  # bytes a second, each way of each connection; None: no limit
        self._pairs: set[_Pair] = set()
        self._listening: asyncio.Server | None = None
        self.port = 0
        self._passing: asyncio.Event
        _Threads.call(self._open())

    async def _open(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        await self._listen()

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accepted, HOST, self.port, limit=CHUNK)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(self, reader, writer)
        self._pairs.add(pair)
        try:
            await pair.run()
        finally:
            self._pairs.discard(pair)

    # -- what a test does --------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Close every connection, and refuse new ones."""
        _Threads.call(self._cut())

    async def _cut(self) -> None:
        self.mode = Mode.CUT
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for pair in list(self._pairs):
            pair.end()

    def reset(self) -> None:
        """Reset every connection; new ones are taken."""
        _Threads.call(self._reset())

    async def _reset(self) -> None:
        for pair in list(self._pairs):
            pair.end(reset=True)

    def half_open(self) -> None:
        """Let the other end of every connection be gone without a word."""
        _Threads.call(self._stall(Mode.HALF_OPEN))

    def blackhole(self) -> None:
        """Let no byte pass."""
        _Threads.call(self._stall(Mode.BLACKHOLE))

    async def _stall(self, mode: Mode) -> None:
        self.mode = mode
        self._passing.clear()
        if mode is Mode.HALF_OPEN:
            for pair in list(self._pairs):
                pair.lose_far_end()

    def heal(self) -> None:
        """Forward again, without delay and limit."""
        _Threads.call(self._heal())

    async def _heal(self) -> None:
        was, self.mode = self.mode, Mode.FORWARD
        self.delay, self.rate = 0.0, None
        await self._listen()
        if was is Mode.HALF_OPEN:
            for pair in list(self._pairs):
                if pair.deaf:
                    pair.end(reset=True)
        self._passing.set()

    def close(self) -> None:
        """Close everything."""
        self.cut()


class _Pair:
    """A connection and the one behind it."""

    def __init__(self, proxy: TcpProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.deaf = False  # its far end has gone without a word
        self._ended = False
        self._proxy = proxy
        self._reader = reader
        self._near = writer
        self._far: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        proxy = self._proxy
        try:
            if proxy.mode is Mode.HALF_OPEN:
                self.deaf = True
            await proxy._passing.wait()
            if self._ended:
                return
            reader, self._far = await asyncio.open_connection(HOST, proxy.target, limit=CHUNK)
            self._tasks = [
                asyncio.create_task(self._pump(self._reader, self._far)),
                asyncio.create_task(self._pump(reader, self._near)),
            ]
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody listens there: the near end is closed, as if it had been refused
        finally:
            self.end()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one direction. Chunks wait in `line` for their time; the reader is not read while it is full."""
        line: deque[tuple[float, bytes]] = deque()
        something, room = asyncio.Event(), asyncio.Event()
        carrying = asyncio.create_task(self._carry(line, something, room, writer))
        proxy, clock = self._proxy, asyncio.get_running_loop().time
        try:
            while data := await reader.read(CHUNK):
                line.append((clock() + proxy.delay, data))
                something.set()
                while len(line) >= QUEUED:
                    room.clear()
                    await room.wait()
            line.append((clock() + proxy.delay, b""))
            something.set()
            await carrying
        except OSError:
            pass
        finally:
            carrying.cancel()

    async def _carry(
        self,
        line: deque[tuple[float, bytes]],
        something: asyncio.Event,
        room: asyncio.Event,
        writer: asyncio.StreamWriter,
    ) -> None:
        proxy, clock = self._proxy, asyncio.get_running_loop().time
        with contextlib.suppress(OSError):  # the other direction notices too, and ends both
            while True:
                while not line:
                    something.clear()
                    await something.wait()
                due, data = line[0]
                await asyncio.sleep(max(0.0, due - clock()))
                await proxy._passing.wait()
                if not data:
                    return
                if proxy.rate:
                    await asyncio.sleep(len(data) / proxy.rate)
                writer.write(data)
                await writer.drain()
                line.popleft()
                room.set()

    def lose_far_end(self) -> None:
        """The machine behind is gone: it will know nothing of this connection."""
        self.deaf = True
        if self._far is not None:
            _reset(self._far)

    def end(self, *, reset: bool = False) -> None:
        """Close both ends."""
        self._ended = True
        for writer in (self._near, self._far):
            if writer is not None:
                (_reset if reset else asyncio.StreamWriter.close)(writer)
        for task in self._tasks:
            task.cancel()


def _reset(writer: asyncio.StreamWriter) -> None:
    inner: socket.socket | None = writer.get_extra_info("socket")
    if inner is not None and inner.fileno() >= 0:
        inner.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
