"""A connection with layers between its socket and its session; see `layers.py`.

Plain TCP has its own class, `Connection`, because it is the hot path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.mqtt.connection import BUFFER, Connection
from adapter.mqtt.layers import forget, unopened
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
    from adapter.mqtt.turns import Turns

READ_SIZE = 16_384  # what a record of TLS holds
# Through WebSocket at first: three hundred of the smallest frames, and all of a read are taken apart at once. Later so
# many frames as large as the last ones.
SMALL_READ_SIZE, LARGE_READ_SIZE = 2048, 8192
FRAMES_A_READ = 32
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

    __slots__ = ("_layers", "_paused", "_put_off", "_stack", "_steps", "peer", "read_size")

    def __init__(self, frontend: Frontend, layers: Layers, *, unix: bool = False) -> None:
        super().__init__(frontend, unix=unix)
        self._layers = layers
        self.read_size = READ_SIZE if layers.websocket is None else SMALL_READ_SIZE
        self._steps: list[Step] = []  # layers yet to be created, the topmost first
        self._stack: list[Layer] = []  # from the socket upwards
        self._put_off: bytes | None = None  # a read that waits for a later turn; meanwhile the socket is not read
        self._paused = False  # by the session
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
            self._session = Opening(self._frontend, self, address)
            self._receive = self._take_first

    def _take_first(self, data: bytes) -> None:
        """Create the lowest layer when there is something for it: for many connections at once, that is costly."""
        self._receive = self._rise(self._send)
        self._receive(data)

    def _send(self, data: bytes) -> None:
        """Write the lowest layer's bytes. Nothing follows our last packet, whatever a layer would answer."""
        if not self._closing:
            self._transport.write(data)

    def _rise(self, below: Bytes) -> Bytes:
        """Create the next layer, or finally the session, on top of `below`; returns what receives its bytes."""
        if self._steps:
            layer = self._steps.pop()(self, below)
            self._stack.append(layer)
            return layer.receive
        assert isinstance(self._session, Opening), "a session is made once"
        self._session.over()
        self.write = below
        return self._begin(self.peer)

    @property
    def _line(self) -> Turns:
        let_in = isinstance(self._session, Session) and self._session.is_open
        return self._frontend.reads if let_in else self._frontend.openings

    def get_buffer(self, sizehint: int) -> memoryview:
        return super().get_buffer(sizehint)[: self.read_size]

    def buffer_updated(self, nbytes: int) -> None:
        data = BUFFER[:nbytes].tobytes()
        if self._receive is forget or self._line.take(READ):
            self._take(data)
        else:
            self._wait(data)

    def _wait(self, data: bytes) -> None:
        self._put_off = data
        super().pause_reading()
        self._line.wait(self)

    @property
    def backlog(self) -> int:
        """Bytes that are put off; of what a layer still has inside, only that it is more than a small packet."""
        return len(self._put_off or b"") or READ_SIZE

    def next_turn(self) -> None:
        """Take what was put off."""
        data, self._put_off = self._put_off, None
        if data is None:  # it has ended meanwhile
            return
        self._line.charge(READ)
        self._take(data)
        if not self._paused:
            self.resume_reading()

    def _take(self, data: bytes) -> None:
        if isinstance(self._session, Opening) and not self._session.may_read(len(data)):
            return
        try:
            self._receive(data)
        except ProtocolError as error:
            text = error.text[:LONGEST_TEXT]
            self._frontend.log.warning("protocol error", peer=self.peer.address, code=error.code.name, text=text)
            if self._session is not None:
                self._session.end(None, CloseCause.PROTOCOL_ERROR)

    def pause_reading(self) -> None:
        self._paused = True
        super().pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        if self._put_off is None:
            super().resume_reading()

    def close(self) -> None:
        """As a plain connection does, after each layer's closing message, from the top."""
        if not self._closing and not self._transport.is_closing():
            for layer in reversed(self._stack):
                layer.send_close()
                if layer.above is not unopened:
                    layer.above = forget
        self._put_off = None
        super().close()

    def _let_go(self) -> None:
        super()._let_go()
        self._put_off = None
        for layer in self._stack:
            layer.let_go()
        self._stack.clear()

    # -- the layers' side (`Base`) ---------------------------------------------------------------------------------

    def opened(self, layer: Layer) -> None:
        if isinstance(layer, ProxyHeader) and not self._enter(self.peer.address):
            layer.above = forget
            return
        layer.above = self._rise(layer.write)
        if isinstance(layer, ProxyHeader):  # it has done its part
            self._receive = layer.above
            self._stack.remove(layer)

    def spent(self, cost: int) -> None:
        self._line.charge(cost)

    def unframed(self, size: int, frames: int) -> None:
        self.spent(frames * FRAME)
        if self._line is self._frontend.reads:
            self.read_size = min(LARGE_READ_SIZE, max(SMALL_READ_SIZE, size // max(frames, 1) * FRAMES_A_READ))

    def yields(self, cost: int) -> bool:
        if self._closing or self._line.take(cost):
            return False
        self._wait(b"")
        return True

    def ended(self) -> None:
        session = self._session
        if session is not None and not session.eof():
            session.gone()
