"""A connection with layers between its socket and its session; see `layers.py`.

Plain TCP has its own class, `Connection`, because it is the hot path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.mqtt.connection import BUFFER, Connection, forget
from adapter.mqtt.opening import Opening
from adapter.mqtt.proxy_header import ProxyHeader
from adapter.mqtt.session import Session
from adapter.mqtt.tls import TlsLayer
from adapter.mqtt.turns import FRAME, READ
from adapter.mqtt.websocket import WebSocketConfig, WebSocketLayer
from adapter.peer import Peer
from adapter.reasons import CloseCause

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable

    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.layers import Bytes, Layer, Step

# A read is processed in one go, and may hold thousands of the smallest WebSocket frames.
READ_SIZE = 16_384
LONGEST_TEXT = 200  # characters of an error text, which may contain what a peer sent


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of a listener's connections; `proxies` are the peers that begin with a PROXY header."""

    context: Callable[[], ssl.SSLContext] | None = None
    websocket: WebSocketConfig | None = None
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    def __bool__(self) -> bool:
        return self.context is not None or self.websocket is not None or bool(self.proxies)

    def steps(self, address: str) -> list[Step]:
        """The layers for a connection from this address, the topmost first."""
        steps: list[Step] = []
        if self.websocket is not None:
            steps.append(partial(WebSocketLayer, self.websocket))
        if self.context is not None:
            steps.append(partial(TlsLayer, self.context))
        if self.proxies and _among(address, self.proxies):
            steps.append(ProxyHeader)
        return steps


def _among(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:  # a Unix socket: whoever may open it is trusted to name the client
        return True
    return any(ip in network for network in networks)


class LayeredConnection(Connection):
    """The `Base` of its layers, and the `Wire` of its session."""

    __slots__ = ("_layers", "_open", "_steps", "peer")

    def __init__(self, frontend: Frontend, layers: Layers, *, unix: bool = False) -> None:
        super().__init__(frontend, unix=unix)
        self._layers = layers
        self._steps: list[Step] = []  # layers yet to be created, the topmost first
        self._open: list[Layer] = []  # from the socket upwards
        self.peer = Peer("")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = self._accept(transport)
        if address is None:
            return
        self.peer = Peer(address)
        self._steps = self._layers.steps(address)
        proxied = (
            bool(self._steps) and self._steps[-1] is ProxyHeader
        )  # the address that counts is the device's, in the header
        if proxied or self._enter(address):
            self._session = Opening(self._frontend, self)
            self._receive = self._rise(self._send)

    def _send(self, data: bytes) -> None:
        """Write the lowest layer's bytes. Nothing follows our last packet, whatever a layer would answer."""
        if not self._closing:
            self._transport.write(data)

    def _rise(self, below: Bytes) -> Bytes:
        """Create the next layer, or finally the session, on top of `below`; returns what receives its bytes."""
        if self._steps:
            return self._steps.pop()(self, below).receive
        assert isinstance(self._session, Opening), "a session is made once"
        self._session.over()
        self.write = below
        return self._begin(self.peer)

    def get_buffer(self, sizehint: int) -> memoryview:
        return super().get_buffer(sizehint)[:READ_SIZE]

    def buffer_updated(self, nbytes: int) -> None:
        session = self._session
        if isinstance(session, Session) and not self._frontend.turns.take(READ):
            session.yield_turn()  # the bytes of this read wait for a later turn
        try:
            self._receive(BUFFER[:nbytes].tobytes())
        except ProtocolError as error:
            text = error.text[:LONGEST_TEXT]
            self._frontend.log.warning("protocol error", peer=self.peer.address, code=error.code.name, text=text)
            if self._session is not None:
                self._session.end(None, CloseCause.PROTOCOL_ERROR)

    def close(self) -> None:
        """As a plain connection does, after each layer's closing message, from the top."""
        if not self._closing and not self._transport.is_closing():
            for layer in reversed(self._open):
                layer.send_close()
                layer.above = forget
        super().close()

    # -- the layers' side (`Base`) ---------------------------------------------------------------------------------

    def opened(self, layer: Layer) -> None:
        if isinstance(layer, ProxyHeader) and not self._enter(self.peer.address):
            layer.above = forget
            return
        layer.above = self._rise(layer.write)
        if isinstance(layer, ProxyHeader):  # it has done its part
            self._receive = layer.above
        else:
            self._open.append(layer)

    def spent(self, frames: int) -> None:
        self._frontend.turns.take(frames * FRAME)

    def ended(self) -> None:
        session = self._session
        if session is not None and not session.eof():
            session.gone()
