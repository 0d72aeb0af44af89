"""MQTT over WebSocket: section 6. Frames by hand (RFC 6455, section 5), as a device sends them: masked."""

from __future__ import annotations

import base64
import hashlib

import pytest

from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.websocket import WebSocketConfig
from tests.conformance.conversation import CONNACK, PINGRESP, PUBACK, packets
from tests.support.front_end import World
from tests.support.packets import PINGREQ, connect, publish
from tests.support.wires import Socket

CONTINUATION, TEXT, BINARY = 0, 1, 2
KEY = base64.b64encode(b"sixteen bytes ok")
MASK = b"\x0f\xf0\x55\xaa"


def frame(payload: bytes, opcode: int = BINARY, *, last: bool = True) -> bytes:
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    masked = bytes(byte ^ MASK[n % 4] for n, byte in enumerate(payload))
    return bytes([last << 7 | opcode]) + size + MASK + masked


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """What the server sent: first byte and payload of each; it masks nothing, and sends small ones here."""
    found = []
    while data:
        length = data[1]
        assert length < 126
        found.append((data[0], data[2 : 2 + length]))
        data = data[2 + length :]
    return found


def request(protocol: bytes | None = b"mqtt") -> bytes:
    lines = [
        b"GET /mqtt HTTP/1.1",
        b"Host: adapter",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
    ]
    if protocol is not None:
        lines.append(b"Sec-WebSocket-Protocol: " + protocol)
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Browser:
    """A device whose WebSocket is open."""

    def __init__(self, protocol: bytes | None = b"mqtt", chunk: int = 65_536) -> None:
        self.world = World()
        self.socket = Socket(LayeredConnection(self.world.frontend, Layers(websocket=WebSocketConfig())), chunk=chunk)
        self.socket.send(request(protocol))
        head, _, rest = self.socket.take().partition(b"\r\n\r\n")
        self.status, *lines = head.split(b"\r\n")
        assert not rest or b" 101 " not in self.status
        self.headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}

    def say(self, data: bytes) -> list[tuple[int, bytes]]:
        self.socket.send(data)
        self.world.answer_all()
        return frames(self.socket.take())


@pytest.mark.parametrize("offered", [b"mqtt", b"mqttv3.1, mqtt", b"mqtt,other"])
async def test_the_server_chooses_the_sub_protocol_mqtt(offered: bytes) -> None:
    browser = Browser(offered)
    assert browser.status.startswith(b"HTTP/1.1 101 ")
    assert browser.headers[b"sec-websocket-protocol"] == b"mqtt"
    proof = hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    assert browser.headers[b"sec-websocket-accept"] == base64.b64encode(proof)


@pytest.mark.parametrize("offered", [None, b"mqttv3.1", b"chat"])
async def test_without_the_sub_protocol_mqtt_there_is_no_websocket(offered: bytes | None) -> None:
    browser = Browser(offered)
    assert browser.status.startswith(b"HTTP/1.1 400 ")
    assert browser.socket.closed


@pytest.mark.parametrize("before", [b"", frame(connect())])
async def test_a_text_frame_ends_the_connection(before: bytes) -> None:
    browser = Browser()
    browser.say(before)
    answer = browser.say(frame(PINGREQ, TEXT) + frame(PINGREQ))
    assert [first for first, _ in answer] in ([], [0x88])  # a Close frame
    assert browser.socket.closed


@pytest.mark.parametrize("level", [4, 5])
async def test_what_is_sent_over_websocket_is_a_binary_frame(level: int) -> None:
    browser = Browser()
    answers = browser.say(frame(connect(level=level))) + browser.say(frame(publish("t", level=level) + PINGREQ))
    assert {first for first, _ in answers} == {0x82}  # binary, and whole
    kinds = [packet.kind for packet in packets(b"".join(payload for _, payload in answers))]
    assert kinds[0] == CONNACK
    assert sorted(kinds[1:]) == [PUBACK, PINGRESP]


def cuts(stream: bytes) -> list[bytes]:
    """The stream in frames: whole, byte by byte, in threes, in fragments of a message, a ping between two fragments."""
    half = len(stream) // 2
    return [
        frame(stream),
        b"".join(frame(stream[n : n + 1]) for n in range(len(stream))),
        b"".join(frame(stream[n : n + 3]) for n in range(0, len(stream), 3)),
        frame(stream[:half], last=False) + frame(b"", CONTINUATION, last=False) + frame(stream[half:], CONTINUATION),
        frame(stream[:1], last=False) + frame(b"", 0x9) + frame(stream[1:], CONTINUATION),
    ]


@pytest.mark.parametrize("chunk", [1, 7, 65_536])
@pytest.mark.parametrize("cut", range(5))
@pytest.mark.parametrize("level", [4, 5])
async def test_frames_and_packets_need_not_begin_and_end_together(level: int, cut: int, chunk: int) -> None:
    browser = Browser(chunk=chunk)
    stream = connect(level=level) + b"".join(
        publish("t", b"%d" % n * 60, packet_id=n, level=level) for n in range(1, 4)
    )
    answers = browser.say(cuts(stream)[cut])
    acknowledged = packets(b"".join(payload for first, payload in answers if first == 0x82))
    assert [packet.kind for packet in acknowledged] == [CONNACK, PUBACK, PUBACK, PUBACK]
    assert browser.world.kafka.log == {("plant", 0): [b"1" * 60, b"2" * 60, b"3" * 60]}
