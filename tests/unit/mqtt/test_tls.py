"""MQTT over TLS, in bytes: the device's side is OpenSSL too, over two buffers."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from adapter.certificates import TlsConfig, make_context
from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.turns import Turns
from adapter.peer import Peer
from tests.support.certificates import Authority
from tests.support.fakes import Loop
from tests.support.front_end import World
from tests.support.packets import CONNACK_OK, DISCONNECT, PINGREQ, PINGRESP, connect, puback, publish
from tests.support.wires import Socket, TlsDevice

if TYPE_CHECKING:
    from pathlib import Path

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Site:
    """A front end behind TLS."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "authority")
        self.server = self.authority.sign("server")
        self.device = self.authority.sign("d1")

    def context(self, verify: ssl.VerifyMode = ssl.CERT_NONE, minimum: ssl.TLSVersion = V1_2) -> ssl.SSLContext:
        certificate, key = map(str, self.server)
        ca = None if verify is ssl.CERT_NONE else str(self.authority.cafile)
        config = TlsConfig(certificate, key, minimum_version=minimum, client_certificates=verify, cafile=ca)
        return make_context(config)

    def accept(self, world: World, context: ssl.SSLContext | None = None, chunk: int = 65_536) -> Socket:
        made = context or self.context()
        return Socket(LayeredConnection(world.frontend, Layers(lambda: made)), chunk=chunk)

    def connected(self, world: World, **options: int) -> tuple[Socket, TlsDevice]:
        socket = self.accept(world, **options)  # type: ignore[arg-type]
        device = TlsDevice(socket, self.authority.cafile)
        device.shake_hands()
        device.send(connect())
        assert device.take() == CONNACK_OK
        return socket, device


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize("chunk", [1, 100, 65_536])
async def test_packets_go_both_ways_however_they_are_cut(
    site: Site, world: World, version: ssl.TLSVersion, chunk: int
) -> None:
    socket = site.accept(world, chunk=chunk)
    device = TlsDevice(socket, site.authority.cafile, version=version)
    device.shake_hands()
    device.send(connect() + publish("t", b"x" * 40_000, packet_id=5))
    assert device.take() == CONNACK_OK
    world.answer_all()
    assert device.take() == puback(5)
    assert world.kafka.log["plant", 0] == [b"x" * 40_000]
    assert world.gate.peers == [Peer("192.0.2.7")]


async def test_a_session_begins_after_the_handshake(site: Site, world: World) -> None:
    socket = site.accept(world)
    assert world.frontend.counters.connections == 1
    device = TlsDevice(socket, site.authority.cafile)
    device.shake_hands()
    world.time.advance(9.5)
    assert not socket.closed, "the time for a CONNECT begins now"


async def test_a_handshake_that_does_not_end_is_ended(site: Site, world: World) -> None:
    socket = site.accept(world)
    socket.send(b"\x16\x03\x01")
    world.time.advance(12.0)
    assert socket.closed
    assert world.frontend.counters.closed == {"handshake_timeout": 1}
    assert not world.frontend.sessions


async def test_a_device_that_speaks_no_tls_is_closed(site: Site, world: World) -> None:
    socket = site.accept(world)
    socket.send(connect())
    assert socket.take() == b""
    assert socket.closed
    assert world.frontend.counters.closed == {"protocol_error": 1}
    assert world.log.events[0][1]["text"] == "TLS: wrong version number"


async def test_an_older_version_than_the_oldest_is_refused(site: Site, world: World) -> None:
    socket = site.accept(world, site.context(minimum=V1_3))
    device = TlsDevice(socket, site.authority.cafile, version=V1_2)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        device.shake_hands()
    assert socket.closed
    assert world.log.events[0][1]["text"] == "TLS: unsupported protocol"


async def test_the_certificate_that_a_device_shows_is_known_with_its_names(site: Site, world: World) -> None:
    socket = site.accept(world, site.context(ssl.CERT_REQUIRED))
    device = TlsDevice(socket, site.authority.cafile, site.device)
    device.shake_hands()
    device.send(connect())
    assert device.take() == CONNACK_OK
    certificate = world.gate.peers[0].certificate
    assert certificate is not None
    assert certificate.names == (("CN", "d1"), ("ip", "127.0.0.1"))
    assert certificate.der == ssl.PEM_cert_to_DER_cert(site.device[0].read_text())


async def test_without_a_certificate_nobody_comes_in_where_one_is_required(site: Site, world: World) -> None:
    socket = site.accept(world, site.context(ssl.CERT_REQUIRED))
    device = TlsDevice(socket, site.authority.cafile, version=V1_2)
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        device.shake_hands()
    assert socket.closed
    assert world.log.events[0][1]["text"] == "TLS: peer did not return a certificate"
    assert world.gate.peers == []


@pytest.mark.parametrize("verify", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
async def test_a_strangers_certificate_is_refused(
    site: Site, world: World, tmp_path: Path, verify: ssl.VerifyMode
) -> None:
    stranger = Authority(tmp_path, "stranger").sign("d1")
    socket = site.accept(world, site.context(verify))
    device = TlsDevice(socket, site.authority.cafile, stranger, version=V1_2)
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        device.shake_hands()
    assert socket.closed
    assert world.gate.peers == []


async def test_where_certificates_are_optional_a_device_may_have_none(site: Site, world: World) -> None:
    socket = site.accept(world, site.context(ssl.CERT_OPTIONAL))
    device = TlsDevice(socket, site.authority.cafile)
    device.shake_hands()
    device.send(connect())
    assert device.take() == CONNACK_OK
    assert world.gate.peers == [Peer("192.0.2.7")]


async def test_a_device_that_leaves_is_told_that_nothing_was_cut_off(site: Site, world: World) -> None:
    socket, device = site.connected(world)
    device.send(DISCONNECT)
    assert socket.closed
    assert device.take() == b""
    assert device.tls.read(1) == b"", "close_notify; without it there would be more to wait for"
    assert world.frontend.counters.closed == {"client_disconnect": 1}


async def test_a_device_that_closes_its_side_still_has_its_pubacks(site: Site, world: World) -> None:
    socket, device = site.connected(world, chunk=65_536)
    world.frontend.config = world.frontend.config.__class__(receive_maximum=1)
    device.send(publish("later/t", b"1", packet_id=1) + publish("t", b"2", packet_id=2))
    device.send_close()
    assert not socket.closed
    world.gate.answer()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert world.balanced()


async def test_bytes_that_are_no_records_end_the_connection(site: Site, world: World) -> None:
    socket, _ = site.connected(world)
    socket.send(b"\x17\x03\x03\x00\x20" + bytes(32))
    assert socket.closed
    assert world.frontend.counters.closed == {"protocol_error": 1}


async def test_a_session_that_pauses_pauses_the_socket(site: Site, world: World) -> None:
    socket, device = site.connected(world)
    device.send(publish("later/t", bytes(5000), packet_id=1))
    assert not socket.transport.reading
    world.gate.answer()
    assert socket.transport.reading
    socket.connection.pause_writing()
    assert not socket.transport.reading
    socket.connection.resume_writing()
    assert socket.transport.reading
    device.send(PINGREQ)
    assert device.take() == PINGRESP


async def test_the_adapters_stop_ends_handshakes_too(site: Site, world: World) -> None:
    socket = site.accept(world)
    world.frontend.stop_reading()
    assert socket.closed
    assert world.frontend.counters.closed == {"shutdown": 1}


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x00\x04\x01\x01\xff\xb8",  # 131,000 bytes, for which OpenSSL would allocate at once
        b"\x16\x03\x01\x00\x01\x01\x16\x03\x01",  # a header over two records
    ],
)
@pytest.mark.parametrize("chunk", [1, 65_536])
async def test_a_client_hello_that_no_client_sends_is_refused(
    site: Site, world: World, head: bytes, chunk: int
) -> None:
    socket = site.accept(world, chunk=chunk)
    socket.send(head)
    assert socket.closed
    assert world.frontend.counters.closed == {"protocol_error": 1}
    assert world.frontend.bytes_before_open == 0


async def test_what_is_read_before_the_session_begins_counts_as_held_by_strangers(site: Site, world: World) -> None:
    socket = site.accept(world)
    device = TlsDevice(socket, site.authority.cafile)
    with pytest.raises(ssl.SSLWantReadError):
        device.tls.do_handshake()
    device._exchange()
    assert world.frontend.bytes_before_open > 100
    device.shake_hands()
    assert world.frontend.bytes_before_open == 0
    device.send(connect())
    assert device.take() == CONNACK_OK


async def test_records_of_a_byte_are_taken_in_several_turns(site: Site, world: World) -> None:
    socket, device = site.connected(world)
    loop = Loop()
    world.frontend.reads = Turns(loop)
    packets = publish("t", b"x" * 990)
    for place in range(len(packets)):
        device.tls.write(packets[place : place + 1])
    device._below.send(device._outgoing.read(16_000))
    steps = 0
    while loop.soon:
        loop.step()
        steps += 1
    assert steps > 10
    device._exchange()
    while loop.soon:
        loop.step()
    world.answer_all()
    assert device.take() == puback(1)
    assert not socket.closed
