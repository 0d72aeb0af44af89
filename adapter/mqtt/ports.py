"""What the front end needs from the rest of the adapter, as Protocols; `service.py` brings the objects.

Answers that may take a while (a plugin, Kafka's metadata) come through a `done` callback, so that the session
itself stays free of I/O. `done` may be called after the connection has gone; the session then ignores it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from adapter.errors import ConnectRefusedError
from adapter.model import Connect, Identity, PublishHeader, RecordTemplate, Refusal, Route
from adapter.peer import Peer


class Timers(Protocol):
    """The clock, monotonic, in seconds, and later calls; an event loop is one."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds."""


class Wire(Protocol):
    """The connection's socket; asyncio's transports are one."""

    def write(self, data: bytes) -> None:
        """Send, in order, without waiting."""

    def pause_reading(self) -> None:
        """Read no more from the socket: TCP tells the device to wait."""

    def resume_reading(self) -> None:
        """Read again."""

    def close(self) -> None:
        """Close after what was written has left."""


class LookUp(Protocol):
    """A question that is not answered yet; asyncio's tasks are one."""

    def cancel(self) -> object:
        """Nobody waits for the answer any more: `done` is not called."""


class Gate(Protocol):
    """Who may connect, and where a publish goes."""

    def authenticate(
        self, connect: Connect, peer: Peer, done: Callable[[Identity | ConnectRefusedError], None]
    ) -> None:
        """Decide on a CONNECT from `peer`; `done` gets the answer, now or later, once."""

    def resolve(
        self, identity: Identity, header: PublishHeader, done: Callable[[Route | Refusal], None]
    ) -> Route | Refusal | LookUp:
        """The route of a publish, or why there is none. A LookUp: not known yet, `done` will get it, once."""

    def authorise(
        self, identity: Identity, header: PublishHeader, done: Callable[[RecordTemplate | Refusal], None]
    ) -> RecordTemplate | Refusal | None:
        """The record of a message to come, or why it may not be; Kafka is not asked. None: `done` will get it, once."""

    def bind(self, template: RecordTemplate, done: Callable[[Route | Refusal], None]) -> Route | Refusal | None:
        """The route of a record that `authorise` made. None: Kafka has to be asked, `done` will get it, once."""
