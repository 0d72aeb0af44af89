"""WebSocket around a session: who may open one, what is taken, what is answered; devices speak with the library."""

from __future__ import annotations

from dataclasses import replace

import pytest
from websockets.frames import Frame, Opcode
from websockets.typing import Origin

from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.limits import Limits
from adapter.mqtt.websocket import LARGEST_REQUEST, WebSocketConfig
from tests.support.front_end import World
from tests.support.packets import DISCONNECT, PINGREQ, PINGRESP, connect, publish
from tests.support.wires import Socket, WebSocketDevice

CONFIG = WebSocketConfig()
CONNACK = b"\x20\x02\x00\x00"
NORMAL, PROTOCOL_ERROR, TOO_BIG = b"\x03\xe8", b"\x03\xea", b"\x03\xf1"


class Site:
    """A listener for WebSocket."""

    def __init__(self, config: WebSocketConfig = CONFIG, **mqtt: object) -> None:
        self.world = World(**mqtt)  # type: ignore[arg-type]
        self.layers = Layers(websocket=config)

    def accept(self) -> Socket:
        return Socket(LayeredConnection(self.world.frontend, self.layers))

    def device(self, **fields: int) -> tuple[Socket, WebSocketDevice]:
        """One whose MQTT connection is open."""
        socket = self.accept()
        device = WebSocketDevice(socket)
        assert device.upgrade().status_code == 101
        device.send(connect(**fields))  # type: ignore[arg-type]
        assert device.take() == CONNACK
        return socket, device

    @property
    def closed(self) -> dict[str, int]:
        return dict(self.world.frontend.counters.closed)


@pytest.mark.parametrize(
    ("path", "status"), [("/mqtt", 101), ("/mqtt?token=x", 101), ("/", 404), ("/mqtt/", 404), ("/mqttx", 404)]
)
async def test_only_its_own_path_is_mqtt(path: str, status: int) -> None:
    site = Site()
    socket = site.accept()
    assert WebSocketDevice(socket, path).upgrade().status_code == status
    assert socket.closed is (status != 101)


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 101), ("https://plant.example", 101), ("https://evil.example", 403), ("http://plant.example", 403)],
)
async def test_pages_from_elsewhere_may_not_connect(origin: str | None, status: int) -> None:
    site = Site(replace(CONFIG, origins=("https://plant.example",)))
    device = WebSocketDevice(site.accept(), origin=None if origin is None else Origin(origin))
    assert device.upgrade().status_code == status


async def test_without_a_list_every_page_may() -> None:
    assert WebSocketDevice(Site().accept(), origin=Origin("https://any.example")).upgrade().status_code == 101


async def test_what_comes_right_behind_the_request_is_read() -> None:
    socket = Site().accept()
    frame = Frame(Opcode.BINARY, connect()).serialize(mask=True)
    device = WebSocketDevice(socket)
    answer = device.upgrade(frame)
    assert answer.status_code == 101
    assert not socket.closed


async def test_nothing_is_compressed_also_for_who_offers_it() -> None:
    socket = Site().accept()
    socket.send(
        b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    )
    answer = socket.take()
    assert b" 101 " in answer
    assert b"Extensions" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\r\n\r\n",
        b"GET /mqtt\r\n\r\n",
        b"POST /mqtt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\n\xff\x00: \xff\r\n\r\n",
    ],
)
async def test_what_is_no_upgrade_is_refused(request_: bytes) -> None:
    site = Site()
    socket = site.accept()
    socket.send(request_)
    assert b" 101 " not in socket.take()
    assert socket.closed
    assert site.closed == {"protocol_error": 1}


async def test_a_request_without_end_is_read_no_further() -> None:
    site = Site()
    socket = site.accept()
    socket.send(b"GET /mqtt HTTP/1.1\r\nX: ")
    for _ in range(LARGEST_REQUEST // 1000 + 1):
        socket.send(b"x" * 1000)
    assert socket.closed
    assert site.closed == {"protocol_error": 1}


async def test_an_upgrade_that_does_not_end_is_ended() -> None:
    site = Site()
    socket = site.accept()
    socket.send(b"GET /mqtt HTTP/1.1\r\n")
    site.world.time.advance(12.0)
    assert socket.closed
    assert site.closed == {"handshake_timeout": 1}


async def test_a_ping_is_answered_and_a_pong_is_not() -> None:
    _, device = Site().device()
    device.protocol.send_ping(b"are you there")
    device.protocol.send_pong(b"I am")
    device.flush()
    assert device.frames() == [(Opcode.PONG, b"are you there")]


async def test_a_device_that_says_goodbye_in_websocket_is_answered_and_closed() -> None:
    site = Site()
    socket, device = site.device()
    device.protocol.send_close(1000)
    device.flush()
    assert device.frames() == [(Opcode.CLOSE, NORMAL)]
    assert socket.closed
    assert site.closed == {"connection_lost": 1}


async def test_after_an_mqtt_disconnect_the_adapter_says_goodbye() -> None:
    site = Site()
    socket, device = site.device()
    device.send(DISCONNECT)
    assert device.frames() == [(Opcode.CLOSE, NORMAL)]
    assert socket.closed
    assert site.closed == {"client_disconnect": 1}


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (Frame(Opcode.BINARY, PINGREQ).serialize(mask=False), PROTOCOL_ERROR),
        (Frame(Opcode.CONT, PINGREQ).serialize(mask=True), PROTOCOL_ERROR),
        (b"\xc2\x82\0\0\0\0" + PINGREQ, PROTOCOL_ERROR),
        (b"\x83\x80\0\0\0\0", PROTOCOL_ERROR),
        (b"\x89\xfe\0\x7e\0\0\0\0" + bytes(126), PROTOCOL_ERROR),
        (b"\x09\x80\0\0\0\0", PROTOCOL_ERROR),
        (b"\x89\xff\0\0\1\0\0\0\0\0" + bytes(4), PROTOCOL_ERROR),
        (b"\x82\xff" + b"\xff" * 8 + bytes(4), TOO_BIG),
    ],
    ids=["unmasked", "continues nothing", "compressed", "unknown", "long ping", "cut ping", "giant ping", "giant"],
)
async def test_frames_against_the_rules_end_the_connection(frames: bytes, code: bytes) -> None:
    site = Site()
    socket, device = site.device()
    socket.send(frames)
    [(opcode, reason)] = device.frames()
    assert opcode is Opcode.CLOSE
    assert reason[:2] in {code, PROTOCOL_ERROR}
    assert socket.closed
    assert site.closed == {"protocol_error": 1}


async def test_fragments_are_passed_on_as_they_come_however_many_a_message_has() -> None:
    site = Site()
    socket, device = site.device()
    device.protocol.send_binary(PINGREQ, fin=False)
    for _ in range(9):
        device.protocol.send_continuation(PINGREQ * 100, fin=False)
    device.flush()
    assert device.take() == PINGRESP * 901
    assert not socket.closed


async def test_a_frame_may_hold_more_than_the_largest_packet() -> None:
    site = Site(max_packet_size=1000)
    _, device = site.device()
    device.send(b"".join(publish("t", bytes(900), packet_id=number) for number in range(1, 11)))
    site.world.answer_all()
    assert len(device.take()) == 40


async def test_before_a_device_is_let_in_its_unfinished_frames_count_with_those_of_all_others() -> None:
    site = Site(limits=Limits(unauthenticated_bytes=1000))
    sockets = [site.accept() for _ in range(2)]
    for socket in sockets:
        assert WebSocketDevice(socket).upgrade().status_code == 101
        socket.send(Frame(Opcode.BINARY, connect(username="u" * 2000)).serialize(mask=True)[:600])
    assert [socket.closed for socket in sockets] == [False, True]
    assert site.closed == {"turned_away": 1}
    _, device = site.device()
    device.send(publish("t", bytes(5000)))
    sockets[0].connection.connection_lost(None)
    assert site.world.frontend.bytes_before_open == 0


async def test_a_frame_may_be_endless_and_its_packets_are_taken_as_they_come() -> None:
    socket, device = Site().device()
    socket.send(b"\x82\xff" + (2**63 - 1).to_bytes(8, "big") + bytes(4))
    for number in range(1, 4):
        socket.send(PINGREQ * number)
        assert device.take() == PINGRESP * number


async def test_before_its_connect_a_frame_is_not_kept_for_longer_than_that_may_be() -> None:
    site = Site(limits=Limits(connect_size=1000))
    socket = site.accept()
    WebSocketDevice(socket).upgrade()
    socket.send(Frame(Opcode.BINARY, connect(username="u" * 2000)).serialize(mask=True)[:600])
    assert socket.closed
    assert site.closed == {"protocol_error": 1}


async def test_half_a_frame_is_a_packet_begun() -> None:
    site = Site()
    socket, device = site.device(keep_alive=0)
    socket.send(Frame(Opcode.BINARY, publish("t", bytes(5000))).serialize(mask=True)[:3000])
    assert device.take() == b""
    site.world.time.advance(62.0)
    assert socket.closed
    assert site.closed == {"slow_sender": 1}


@pytest.mark.parametrize("first", [DISCONNECT, b"\xf0\x00"])
async def test_nothing_follows_the_goodbye_whatever_is_answered_of_the_same_read(first: bytes) -> None:
    """RFC 6455 section 5.5.1: no frame after a Close frame."""
    for last in ("Close", "Ping", "text", "cut"):
        site = Site()
        socket, device = site.device()
        device.protocol.send_binary(first)
        match last:
            case "Close":
                device.protocol.send_close(1000)
            case "Ping":
                device.protocol.send_ping(b"there?")
            case "text":
                device.protocol.send_text(b"x")
            case _:
                device.protocol.send_binary(PINGREQ)
        device.flush()
        socket.send(b"and what it sent before it knew")
        frames = device.frames()
        assert frames[-1][0] is Opcode.CLOSE
        assert [opcode for opcode, _ in frames].count(Opcode.CLOSE) == 1
        assert socket.closed
        assert not socket.transport.aborted


async def test_a_session_that_pauses_pauses_the_socket() -> None:
    site = Site()
    socket, device = site.device()
    device.send(publish("later/t", packet_id=1) + publish("t", packet_id=2))
    assert socket.transport.reading, "for its pings"
    for _ in range(5):
        device.send(publish("t", bytes(900), qos=0))
    assert not socket.transport.reading
    site.world.gate.answer()
    site.world.answer_all()
    assert socket.transport.reading
    assert device.take() == b"\x40\x02\x00\x01\x40\x02\x00\x02"


async def test_upgrade_requests_count_as_held_by_strangers() -> None:
    site = Site(limits=Limits(unauthenticated_bytes=20_000))
    first, second = site.accept(), site.accept()
    first.send(b"GET /mqtt HTTP/1.1\r\nX: " + b"a" * 12_000)
    assert site.world.frontend.bytes_before_open > 12_000
    second.send(b"GET /mqtt HTTP/1.1\r\nX: " + b"a" * 12_000)
    assert second.closed
    assert not first.closed
    assert site.closed == {"turned_away": 1}
    second.send(b"a" * 50_000)
    first.connection.connection_lost(None)
    assert site.world.frontend.bytes_before_open == 0
