"""One TCP connection between a device and the adapter, with the adapter's real `Connection` at its end.

Bytes take a while, come in pieces, wait while one side does not read; either side can close in good order, break off
(a reset), or vanish without a word.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Any

from adapter.mqtt.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.process import Process
    from tests.simulation.virtual_loop import VirtualLoop

HIGH_WATER = 24  # bytes that the adapter may have written and a slow device not read: a few PUBACKs
LOW_WATER = 6


class Link:
    """Both ends. The device's side: `send`, `finish`, `reset`, `vanish`, `listen`; it hears through callbacks."""

    def __init__(  # noqa: PLR0913, PLR0917 - both ends of it
        self,
        process: Process,
        loop: VirtualLoop,
        name: str,
        chunks: str,
        told: Callable[[bytes], None],
        wrote: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        self._process = process
        self._loop = loop
        self._rng = random.Random(name)
        self._chunks = chunks
        self._told = told  # the device reads
        self._wrote = wrote  # the adapter writes: before anything is on its way
        self._ended = ended  # the device notices that nothing more comes
        # towards the adapter
        self._out = bytearray()
        self._sent = self._taken = 0
        self._marks: deque[tuple[int, Callable[[], None]]] = deque()
        self._delivering = False
        self._finished = self._broken = self._eof_told = False
        self._reading = True
        # towards the device
        self._in = bytearray()
        self._slow = False
        self._fetching = False
        self._half_closed = False
        self._paused_writing = False
        self._closed = False  # the adapter's side is gone
        self._deaf = False  # the device's side is gone
        self._connection = Connection(process.frontend)
        process.run(self._connection.connection_made, self)

    @property
    def adapter_closed(self) -> bool:
        return self._closed or self._half_closed

    # -- the device's side ---------------------------------------------------------------------------------------------

    def send(self, data: bytes, mark: Callable[[], None] | None = None) -> None:
        """Send; `mark` is called when the adapter has read the last byte of it."""
        if self._finished or self._broken or self._deaf:
            return
        self._out += data
        self._sent += len(data)
        if mark is not None:
            self._marks.append((self._sent, mark))
        self._deliver_soon()

    def finish(self) -> None:
        """Nothing more to say, and nothing more to hear."""
        self._finished = self._deaf = True
        self._deliver_soon()

    def reset(self) -> None:
        """Break off; what is on its way may be lost."""
        self._broken = self._deaf = True
        if self._rng.random() < 0.5:
            self._out.clear()
        self._deliver_soon()

    def vanish(self) -> None:
        """Say and hear nothing more; the adapter does not learn it."""
        self._deaf = True
        self._deliver_soon()

    def listen(self, *, slowly: bool) -> None:
        """Whether the device reads at once, or a few bytes now and then."""
        self._slow = slowly
        self._fetch_soon()

    # -- towards the adapter -------------------------------------------------------------------------------------------

    def _deliver_soon(self) -> None:
        if not self._delivering and not self._closed:
            self._delivering = True
            delay = self._rng.uniform(0.0001, 0.001) if self._chunks == "bytes" else self._rng.uniform(0.0002, 0.01)
            self._process.later(delay, self._deliver)

    def _deliver(self) -> None:
        self._delivering = False
        if self._closed:
            return
        if self._broken and not self._out:
            self._gone()
            return
        if not self._reading:
            return
        if self._out:
            buffer = self._connection.get_buffer(-1)
            count = min(len(self._out), len(buffer), self._piece())
            buffer[:count] = self._out[:count]
            del self._out[:count]
            self._taken += count
            while self._marks and self._marks[0][0] <= self._taken:
                self._marks.popleft()[1]()
            self._connection.buffer_updated(count)
            if self._out or self._finished or self._broken:
                self._deliver_soon()
        elif self._finished and not self._eof_told:
            self._eof_told = True
            if not self._connection.eof_received():
                self._gone()

    def _piece(self) -> int:
        if self._chunks == "bytes":
            return self._rng.choice((1, 2, 3, 9, 20))
        return self._rng.randint(1, 60) if self._chunks == "cut" else 65_536

    def _gone(self) -> None:
        if not self._closed:
            self._closed = True
            self._process.later(0.0, self._connection.connection_lost, None)

    # -- the adapter's side: an asyncio transport ----------------------------------------------------------------------

    def get_extra_info(self, name: str) -> Any:
        return ("device", 1) if name == "peername" else None

    def is_closing(self) -> bool:
        return self._closed

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True
        if self._out or self._finished or self._broken:
            self._deliver_soon()

    def write(self, data: bytes) -> None:
        assert not self._half_closed, "written after the end"
        if self._closed:
            return
        self._wrote(data)
        if self._broken:
            self._gone()
            return
        if self._finished:
            return
        self._in += data
        if self._slow and not self._paused_writing and len(self._in) > HIGH_WATER:
            self._paused_writing = True
            self._connection.pause_writing()
        self._fetch_soon()

    def write_eof(self) -> None:
        self._half_closed = True
        self._fetch_soon()

    def abort(self) -> None:
        """Cut. The device notices."""
        if not self._closed:
            self._closed = True
            self._process.later(0.0, self._connection.connection_lost, None)
        self._process.world_later(self._rng.uniform(0.0005, 0.005), self._end_told)

    # -- towards the device --------------------------------------------------------------------------------------------

    def _fetch_soon(self) -> None:
        if not self._fetching and not self._deaf and (self._in or self._half_closed):
            self._fetching = True
            delay = self._rng.uniform(0.1, 0.6) if self._slow else self._rng.uniform(0.0005, 0.005)
            self._process.world_later(delay, self._fetch)

    def _fetch(self) -> None:
        self._fetching = False
        if self._deaf:
            return
        count = self._rng.randint(1, 8) if self._slow else len(self._in)
        data = bytes(self._in[:count])
        del self._in[:count]
        if self._paused_writing and len(self._in) <= LOW_WATER:
            self._paused_writing = False
            if not self._closed:
                self._process.later(0.0, self._resumed)
        if data:
            self._told(data)
        if self._in:
            self._fetch_soon()
        elif self._half_closed:
            self._end_told()

    def _resumed(self) -> None:
        if not self._closed:
            self._connection.resume_writing()

    def _end_told(self) -> None:
        if not self._deaf:
            self._deaf = True
            self._ended()

    def process_killed(self) -> None:
        """The kernel closes the sockets of a process that is gone."""
        self._closed = True
        self._process.world_later(self._rng.uniform(0.0005, 0.01), self._end_told)
