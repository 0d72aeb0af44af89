"""What the front end needs from the rest of the adapter, as Protocols; `service.py` provides the objects.

Answers that may take a while (plugins, Kafka's metadata) arrive through a `done` callback, so that the session does no
I/O. `done` may be called after the connection has ended; the session then ignores it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from adapter.errors import ConnectRefusedError
from adapter.model import Connect, Identity, PublishHeader, RecordTemplate, Refusal
from adapter.peer import Peer
from adapter.runs import Route


class Timers(Protocol):
    """A monotonic clock in seconds, and timers; an event loop is one."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds."""


class Wire(Protocol):
    """The connection's socket; asyncio's transports are one."""

    def write(self, data: bytes) -> None:
        """Send, in order, without waiting."""

    def pause_reading(self) -> None:
        """Stop reading the socket: TCP's flow control makes the device wait."""

    def resume_reading(self) -> None:
        """Read again."""

    def close(self) -> None:
        """Close after everything written has been sent."""


class LookUp(Protocol):
    """A question that is not answered yet; asyncio's tasks are one."""

    def cancel(self) -> object:
        """The answer is not wanted any more: `done` is not called."""


class Gate(Protocol):
    """Who may connect, and where a publish goes."""

    def authenticate(
        self, connect: Connect, peer: Peer, done: Callable[[Identity | ConnectRefusedError], None]
    ) -> LookUp | None:
        """Authenticate a CONNECT from `peer`; `done` gets the answer once, now (None) or later."""

    def resolve(
        self, identity: Identity, header: PublishHeader, done: Callable[[Route | Refusal], None]
    ) -> Route | Refusal | LookUp:
        """The route of a publish, or its refusal. A LookUp: not known yet, `done` will get it once."""

    def authorise(
        self, identity: Identity, header: PublishHeader, done: Callable[[RecordTemplate | Refusal], None]
    ) -> RecordTemplate | Refusal | None:
        """The record of a future message, or its refusal, without asking Kafka. None: `done` will get it once."""

    def bind(self, template: RecordTemplate, done: Callable[[Route | Refusal], None]) -> Route | Refusal | None:
        """The route of a record made by `authorise`. None: Kafka must be asked, and `done` will get it once."""
