"""A connection that is lost leaves nothing behind, and waits for no collector of cycles."""

from __future__ import annotations

import gc
import ssl
from typing import TYPE_CHECKING

import pytest

from adapter.mqtt.connection import Connection
from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.limits import Limits
from adapter.mqtt.opening import Opening
from adapter.mqtt.publish_flow import PublishFlow
from adapter.mqtt.session import Session
from adapter.mqtt.tls import TlsLayer
from adapter.mqtt.websocket import WebSocketConfig, WebSocketLayer
from tests.support.certificates import Authority
from tests.support.front_end import World
from tests.support.packets import connect, publish, varint
from tests.support.wires import Socket, TlsDevice, WebSocketDevice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = (Connection, LayeredConnection, Session, PublishFlow, Opening, TlsLayer, WebSocketLayer)
HALF = b"\x30" + varint(200_000) + b"\0\x01t" + bytes(1000)


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if type(one) in OURS]


def context(authority: Authority) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*authority.sign("server"))
    return made


def lose(socket: Socket) -> None:
    socket.connection.connection_lost(None)  # asyncio's transport forgets the connection then, as `del` does here


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        connect(level=5),
        connect(level=5) + publish("t", level=5, properties=b"\x23\0\x01") + HALF,
        connect() + publish("later/t") + publish("t"),
        connect() + publish("no/t"),
        connect() + b"\xf0\x00",
        b"\x10\x0c\0\x04MQTT\x04\x03\0\0\0\0",
        b"\xf0\x00",
    ],
    ids=["silent", "connected", "half a packet", "look-up", "refused", "wrong", "wrong CONNECT", "no CONNECT"],
)
async def test_of_a_plain_connection(sent: bytes) -> None:
    world = World(limits=Limits(bytes_per_second=10**9))
    socket = Socket(Connection(world.frontend))
    socket.send(sent)
    world.answer_all()
    world.kafka.sent.clear()
    world.time.advance(1.0)
    lose(socket)
    del socket
    assert alive() == []


async def test_of_one_with_messages_that_kafka_has_at_last() -> None:
    world = World()
    socket = Socket(Connection(world.frontend))
    socket.send(connect() + publish("t", packet_id=1))
    world.time.turn()
    lose(socket)
    del socket
    assert "PublishFlow" in alive()
    world.answer_all()
    world.kafka.sent.clear()
    assert alive() == []


@pytest.mark.parametrize("sent", [b"", b"GET /mqtt HTTP/1.1\r\n", b"nothing of the kind\r\n\r\n"])
async def test_of_a_websocket_that_is_not_open(sent: bytes) -> None:
    world = World()
    socket = Socket(LayeredConnection(world.frontend, Layers(websocket=WebSocketConfig())))
    socket.send(sent)
    lose(socket)
    del socket
    assert alive() == []


@pytest.mark.parametrize("sent", [HALF, b"\xf0\x00"])
async def test_of_one_through_tls_and_websocket(tmp_path: Path, sent: bytes) -> None:
    authority = Authority(tmp_path, "authority")
    tls = context(authority)
    world = World()
    socket = Socket(LayeredConnection(world.frontend, Layers(lambda: tls, WebSocketConfig())))
    below = TlsDevice(socket, authority.cafile)
    below.shake_hands()
    device = WebSocketDevice(below)
    device.upgrade()
    device.send(connect())
    device.send(sent)
    lose(socket)
    del socket, below, device
    assert alive() == []


async def test_of_half_a_tls_handshake(tmp_path: Path) -> None:
    tls = context(Authority(tmp_path, "authority"))
    world = World()
    socket = Socket(LayeredConnection(world.frontend, Layers(lambda: tls)))
    socket.send(b"\x16\x03\x01\x02\0\x01")
    lose(socket)
    del socket
    assert alive() == []
