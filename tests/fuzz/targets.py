"""What is fuzzed: bytes in, and either a valid result or a ProtocolError; never anything else, however they are cut.

Each target takes any bytes and returns nothing; it raises AssertionError, or whatever escaped, when it is a finding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from adapter.errors import ConnectRefusedError, ProtocolError
from adapter.model import Identity, PublishHeader, RecordTemplate, Refusal
from adapter.mqtt.connect import decode_connect
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import WILL, decode_properties
from adapter.mqtt.proxy_header import ProxyHeader
from adapter.mqtt.publish import decode_publish_properties
from adapter.mqtt.websocket import WebSocketConfig, WebSocketLayer
from adapter.peer import Peer
from adapter.routing.config import RoutingConfig
from adapter.routing.kafka_names import topic_problem
from adapter.routing.property_bag import split
from adapter.routing.record import RESERVED
from adapter.routing.router import Router
from adapter.routing.routes_file import parse_routes
from tests.conformance.conversation import DISCONNECT, packets
from tests.support.front_end import World
from tests.support.packets import connect

if TYPE_CHECKING:
    from adapter.mqtt.layers import Bytes, Layer

Target = Callable[[bytes], None]

CUTS = (1, 2, 7, 64)
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
DEVICE = Identity("c1", "sensor1@plant", "plant", "sensor1")
GATEWAY = Identity("c2", "gw@plant", "plant", "gw", gateway=True)
NOBODY = Identity("c3")
ROUTES = parse_routes(
    """
    [[route]]
    mqtt = "own/{tenant}/{device}/#"
    kafka_topic = "{tenant}"
    key = "{device}"
    headers = { mine = "{topic}" }
    [[route]]
    mqtt = "{x}/+"
    kafka_topic = "{x}"
    key = "{x}"
    """,
    "routes.toml",
    RoutingConfig(),
)
STRICT = Router(RoutingConfig(), ())
OPEN = Router(RoutingConfig(auth_required=False), ROUTES)


# -- the front end -----------------------------------------------------------------------------------------------------


def _answers(
    data: bytes, size: int, level: int
) -> tuple[list[tuple[int, bytes]], bool, dict[tuple[str, int], list[bytes]]]:
    """What a device that sends `data` in pieces of that size is answered, whether it is closed, and what Kafka has.

    Of a DISCONNECT the code: which of a packet's several mistakes it is told in words may depend on the pieces.
    """
    world = World()
    device = world.accept()
    if level:
        device.send(connect(level=level))
    for begin in range(0, len(data), size):
        if device.wire.closed:
            break
        device.send(data[begin : begin + size])
    world.answer_all()
    assert world.balanced()
    sent = [(one.kind, one.body[:1] if one.kind == DISCONNECT else one.body) for one in packets(device.wire.take())]
    return sent, device.wire.closed, world.kafka.log


def front_end(data: bytes) -> None:
    """A connection of each version, and one before its CONNECT; the first byte says how the rest is cut."""
    if not data:
        return
    cut = CUTS[data[0] % len(CUTS)]
    for level in (0, 4, 5):
        whole = _answers(data[1:], max(1, len(data)), level)
        assert _answers(data[1:], cut, level) == whole
        assert level or not whole[2] or data[1] >> 4 == PacketType.CONNECT


def connect_packet(data: bytes) -> None:
    """The body of a CONNECT."""
    try:
        decode_connect(data)
    except (ProtocolError, ConnectRefusedError):
        return


def property_list(data: bytes) -> None:
    """Property lists of every packet."""
    for packet in (WILL, *PacketType):
        try:
            decode_properties(Reader(data), packet)
        except ProtocolError:
            continue
    try:
        decode_publish_properties(data)
    except ProtocolError:
        return


# -- routing -----------------------------------------------------------------------------------------------------------


def property_bag(data: bytes) -> None:
    """The query of a topic."""
    topic = data.decode(errors="replace")
    address, bag = split(topic)
    assert topic.startswith(address)
    assert isinstance(bag, Refusal) or not any(unicodedata.category(each) == "Cc" for each in bag.content_type or "")


def routes(data: bytes) -> None:
    """Topics, of a device, a gateway and somebody unknown: a record that Kafka can take, of the right tenant."""
    topic = data.decode(errors="replace")
    if not topic or "\0" in topic:
        return
    for identity in (DEVICE, GATEWAY):
        result = STRICT.route(identity, PublishHeader(topic, 1, retain=False))
        if isinstance(result, RecordTemplate):
            assert result.topic in {"hono.telemetry.plant", "hono.event.plant"}
            assert identity.gateway or result.key == b"sensor1"
    for identity in (DEVICE, NOBODY):
        result = OPEN.route(identity, PublishHeader(topic, 1, retain=False))
        if isinstance(result, RecordTemplate):
            assert topic_problem(result.topic) is None
            names = [name for name, _ in result.headers]
            assert all(names.count(name) <= 1 for name in RESERVED)


# -- what stands before MQTT -------------------------------------------------------------------------------------------


class _Base:
    """A connection, as a layer sees it."""

    def __init__(self) -> None:
        self.peer = Peer("192.0.2.1")
        self.read_size = 16_384
        self.received = b""
        self.over = False
        self.receive: Bytes = self._above

    def opened(self, layer: Layer) -> None:
        layer.above = self._above
        if isinstance(layer, ProxyHeader):  # it is done
            self.receive = self._above

    def ended(self) -> None:
        self.over = True

    def spent(self, cost: int) -> None:
        assert cost >= 0

    def unframed(self, size: int, frames: int) -> None:
        assert size >= 0
        assert frames >= 0

    def holds(self, size: int) -> None:
        assert size > 0

    def _above(self, data: bytes) -> None:
        self.received += data


def _through(make: Callable[[_Base], Layer], pieces: list[bytes]) -> tuple[bytes, bool]:
    """What comes out above, and whether it goes on."""
    base = _Base()
    base.receive = make(base).receive
    try:
        for piece in pieces:
            if base.over:
                break
            base.receive(piece)
    except ProtocolError:
        return base.received, False
    return base.received, not base.over


def _however_it_is_cut(make: Callable[[_Base], Layer], before: bytes, data: bytes) -> None:
    first = [before] if before else []
    whole = _through(make, [*first, data])
    for size in CUTS:
        cut = _through(make, [*first, *(data[n : n + size] for n in range(0, len(data), size))])
        assert cut[1] == whole[1]
        assert cut[0] == whole[0] or not whole[1]  # up to the error, frames may have been let through one by one


def websocket(data: bytes) -> None:
    """Frames, and upgrade requests."""

    def make(base: _Base) -> Layer:
        return WebSocketLayer(WebSocketConfig(), base, lambda _: None)

    _however_it_is_cut(make, UPGRADE, data)
    _through(make, [data])
    _through(make, [b"GET /mqtt HTTP/1.1\r\n" + data + b"\r\n\r\n"])


def proxy_header(data: bytes) -> None:
    """PROXY headers, with what follows them."""
    _however_it_is_cut(lambda base: ProxyHeader(base, lambda _: None), b"", data)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (front_end, connect_packet, property_list, property_bag, routes, websocket, proxy_header)
}
