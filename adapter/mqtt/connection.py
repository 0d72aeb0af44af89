"""The thin asyncio shell around a session: a socket on one side, bytes on the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from adapter.mqtt.layers import forget
from adapter.mqtt.limits import LOCAL, Throttle
from adapter.mqtt.pause import Pause
from adapter.mqtt.session import Session
from adapter.peer import Peer
from adapter.reasons import CloseCause, Limit

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.layers import Bytes
    from adapter.mqtt.opening import Opening

READ_SIZE = 65_536
# Reads are small when the budget is used up, so that thousands of waiting connections hold little.
READ_SIZE_UNDER_PRESSURE = 4096
# How long a peer may take to read our last packet before the connection is aborted.
LINGER_SECONDS = 2.0

# Shared by all connections: it is filled and emptied within one turn of the loop, in one thread.
BUFFER = memoryview(bytearray(READ_SIZE))
_SMALL_BUFFER = BUFFER[:READ_SIZE_UNDER_PRESSURE]


class Connection(asyncio.BufferedProtocol):
    """One accepted socket, of TCP or a `unix` one, and the `Wire` of its session."""

    __slots__ = (
        "_address",
        "_budget",
        "_closing",
        "_frontend",
        "_reading",
        "_receive",
        "_session",
        "_slow",
        "_transport",
        "_unix",
        "write",
    )

    def __init__(self, frontend: Frontend, *, unix: bool = False) -> None:
        self._frontend = frontend
        self._budget = frontend.budget
        self._transport: asyncio.Transport  # set by asyncio's first call, connection_made
        self.write: Bytes = forget
        self._receive: Bytes = forget
        self._session: Session | Opening | None = None
        self._address: str | None = None  # once it counts towards the limit per address
        self._closing = False
        self._reading = True
        self._unix = unix
        self._slow: asyncio.TimerHandle | None = None  # runs while the device does not read

    # -- the event loop's side -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = self._accept(transport)
        if address is not None and self._enter(address):
            self._receive = self._begin(Peer(address))

    def _accept(self, transport: asyncio.BaseTransport) -> str | None:
        """The peer's address; None if there are too many connections and this one was closed, which is cheapest."""
        frontend = self._frontend
        self._transport = cast("asyncio.Transport", transport)
        self.write = self._transport.write
        frontend.counters.connections_accepted += 1
        full = frontend.is_full
        frontend.counters.connections += 1
        peer = transport.get_extra_info("peername")
        if self._unix:
            address = LOCAL
        elif isinstance(peer, tuple):
            address = peer[0]
        else:  # it was reset before we looked, and must not pass for a Unix socket, whose users are trusted
            self._cut(CloseCause.CONNECTION_LOST)
            return None
        if full:
            self._turn_away(Limit.UNAUTHENTICATED, address)
            return None
        return address

    def _enter(self, address: str) -> bool:
        """Whether the address may have another connection; if not, this one is closed."""
        if not self._frontend.addresses.enter(address):
            self._turn_away(Limit.PER_ADDRESS, address)
            return False
        self._address = address
        return True

    def _turn_away(self, limit: Limit, address: str) -> None:
        self._frontend.limited(limit, address)
        if self._session is None:
            self._cut(CloseCause.TURNED_AWAY)
        else:
            self._receive = forget
            self._session.end(None, CloseCause.TURNED_AWAY)

    def _cut(self, cause: CloseCause) -> None:
        """Abort before there is a session."""
        self._receive = forget
        self._frontend.counters.closed[cause] += 1
        self._closing = True
        self._transport.abort()

    def _begin(self, peer: Peer) -> Bytes:
        """Create the session; returns what receives its bytes."""
        session = self._session = Session(self._frontend, self, peer)
        rate = self._frontend.config.limits.bytes_per_second
        return session.receive if rate is None else Throttle(self._frontend, session, rate).receive

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's interface
        budget = self._budget
        return _SMALL_BUFFER if budget.used >= budget.soft else BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        self._receive(BUFFER[:nbytes].tobytes())

    def eof_received(self) -> bool:
        """The device sends nothing more: close, as soon as what it sent has been taken."""
        return self._session is not None and self._session.eof()

    def pause_writing(self) -> None:
        if self._session is not None:
            seconds = self._frontend.config.limits.slow_reader_seconds
            self._slow = asyncio.get_running_loop().call_later(seconds, self._end_slow_reader)
            self._session.pause(Pause.SLOW_READER)

    def resume_writing(self) -> None:
        if self._session is not None:
            self._forget_slow_reader()
            self._session.resume(Pause.SLOW_READER)

    def _forget_slow_reader(self) -> None:
        if self._slow is not None:
            self._slow.cancel()

    def _end_slow_reader(self) -> None:
        session = self._session
        if not self._closing and isinstance(session, Session):
            self._frontend.limited(Limit.SLOW_READER, session.peer.address, session.client_id)
            session.end(None, CloseCause.SLOW_READER)
            self._transport.abort()  # the data it does not read can never be flushed

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        self._closing = True
        self._forget_slow_reader()
        self._frontend.counters.connections -= 1
        if self._address is not None:
            self._frontend.addresses.leave(self._address)
        if self._session is not None:
            self._session.gone()
        self._let_go()

    def _let_go(self) -> None:
        """Hold nothing that holds this connection: its memory is free at once, and waits for no collector of cycles."""
        self._session = self._slow = None
        self._receive = self.write = forget

    # -- the session's side (`Wire`) -------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def close(self) -> None:
        """Half-close, then read and discard until the device closes too, or for LINGER_SECONDS.

        Closing a socket with unread bytes sends a reset, which can overtake our last packet: the device would never
        learn the reason.
        """
        if self._closing or self._transport.is_closing():
            return
        self._closing = True
        self._receive = forget
        try:
            self._transport.write_eof()
        except OSError:  # the device has reset the connection, and the event loop does not know yet
            self._transport.abort()
            return
        self.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)
