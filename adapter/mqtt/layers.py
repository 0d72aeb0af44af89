"""Layers between a socket and its session: PROXY header, TLS, WebSocket, in this order from the socket.

    socket ─▶ ProxyHeader ─▶ TlsLayer ─▶ WebSocketLayer ─▶ Session
        (removed when read)         ◀─ write ◀─

A layer does no I/O: bytes in, bytes out. Its `Base` is the connection, which it tells when it is open; from then on
decoded bytes go to `above`. Whatever a peer sends, `receive` raises ProtocolError or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adapter.peer import Peer

Bytes = Callable[[bytes], None]


class Layer(Protocol):
    """`above` is set by `Base.opened`."""

    above: Bytes

    def receive(self, data: bytes) -> None:
        """Process bytes from below. Raises ProtocolError."""

    def write(self, data: bytes) -> None:
        """Encode and send bytes from above."""

    def send_close(self) -> None:
        """Send the protocol's closing message, if it has one; nothing follows from above."""

    def let_go(self) -> None:
        """The connection is lost: hold nothing that holds this layer."""


class Base(Protocol):
    """The connection, as a layer sees it."""

    peer: Peer  # a layer that learns more of it sets it before `opened`
    read_size: int  # bytes that are decoded at once

    def opened(self, layer: Layer) -> None:
        """Set `layer.above` to the next layer or the session."""

    def spent(self, cost: int) -> None:
        """Charge work to this turn of the event loop; see `turns.py`."""

    def unframed(self, size: int, frames: int) -> None:
        """Charge the frames that `size` bytes consisted of, and adapt `read_size`."""

    def yields(self, cost: int) -> bool:
        """Whether the rest, of which the next piece costs so much, has to wait for a later turn.

        Then `receive` is called with no bytes.
        """

    def ended(self) -> None:
        """The peer has closed the layer's protocol: it sends nothing more."""


# Creates a layer on a base and a function that writes to the layer below.
Step = Callable[[Base, Bytes], Layer]


def forget(_: bytes) -> None:
    """Read what comes after our last word, and do nothing with it."""


def unopened(_: bytes) -> None:
    """Placeholder for `above` until the layer is open."""
    raise AssertionError("a layer lets nothing through before it is open")
