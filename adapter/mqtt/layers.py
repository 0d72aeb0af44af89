"""What may stand between a socket and its session: a PROXY header, TLS, WebSocket, in this order from the socket.

    socket ─▶ ProxyHeader ─▶ TlsLayer ─▶ WebSocketLayer ─▶ Session
           (goes when read)         ◀─ write ◀─

A layer is bytes in, bytes out, without I/O. It has the connection as its `Base`: it says there when it is open, and
then what it makes of the bytes from below goes to `above`. Whatever a peer sends, `receive` raises ProtocolError or
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adapter.peer import Peer

Bytes = Callable[[bytes], None]


class Layer(Protocol):
    """`above` is set when the layer has said that it is open."""

    above: Bytes

    def receive(self, data: bytes) -> None:
        """Take what came from below. Raises ProtocolError."""

    def write(self, data: bytes) -> None:
        """Send what comes from above."""

    def send_close(self) -> None:
        """Send the layer's last word, if it has one; nothing comes from above any more."""


class Base(Protocol):
    """The connection, as a layer sees it."""

    peer: Peer  # a layer that knows better sets it before it says `opened`

    def opened(self, layer: Layer) -> None:
        """Set `layer.above`: what comes through it now is for the next layer, or for the session."""

    def spent(self, frames: int) -> None:
        """So many pieces were taken apart: it counts against this turn of the event loop."""

    def ended(self) -> None:
        """The peer has said, in the layer's own words, that it sends nothing more."""


# Makes the layer that writes to what is below it.
Step = Callable[[Base, Bytes], Layer]


def unopened(_: bytes) -> None:
    """Stand in for what is above a layer that is not open."""
    raise AssertionError("a layer lets nothing through before it is open")
