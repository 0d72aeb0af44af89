"""The ways in, and QoS 2, beside plain TCP and QoS 1: one simple load generator for all, so that they compare.

What counts is the adapter's own CPU a message. The generator is slower than that of the other shapes, and in the same
process for all rows.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil  # type: ignore[import-untyped] # ships no type information
import uvloop

from tests.support import packets
from tests.support.adapter import Adapter
from tests.support.certificates import Authority
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS, WINDOW, PAYLOAD = 20, 200, 128
WARM_SECONDS = 1.0
TENANT = "ways"
PUBACK, PUBREC, PUBCOMP = 0x40, 0x50, 0x70
ANSWER = 4  # bytes
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
LONG, VERY_LONG = 126, 65_536


@dataclass(frozen=True, slots=True)
class Way:
    """One row."""

    name: str
    port: str = "mqtt"
    tls: bool = False
    websocket: bool = False
    qos: int = 1


WAYS = (
    Way("TCP, QoS 1"),
    Way("TCP, QoS 2", qos=2),
    Way("TLS, QoS 1", "tls", tls=True),
    Way("WebSocket, QoS 1", "ws", websocket=True),
    Way("secure WebSocket, QoS 1", "wss", tls=True, websocket=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A way, in one round: messages a second, and the adapter's CPU for one in µs."""

    way: Way
    rate: float
    cpu: float


def frame(payload: bytes) -> bytes:
    """A binary frame, masked with zeros: as many bytes as any, and none to change."""
    size = len(payload)
    if size < LONG:
        length = bytes([0x80 | size])
    elif size < VERY_LONG:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return b"\x82" + length + bytes(4) + payload


class Publisher(asyncio.Protocol):
    """Keeps its window full. `done` counts messages that are acknowledged for good."""

    def __init__(self, way: Way, number: int) -> None:
        topic = f"telemetry/{TENANT}/d{number}"
        self._way = way
        self._hello = packets.connect(f"d{number}", keep_alive=600)
        self._packets = {
            packet_id.to_bytes(2, "big"): packets.publish(topic, b"x" * PAYLOAD, qos=way.qos, packet_id=packet_id)
            for packet_id in range(1, WINDOW + 1)
        }
        self._buffer = b""
        self._frames = b""
        self._connected = self._upgraded = False
        self._free: deque[bytes] = deque(self._packets)
        self.stopped = False
        self.done = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._way.websocket:
            self._transport.write(UPGRADE)
        else:
            self._send(self._hello)

    def _send(self, data: bytes) -> None:
        self._transport.write(frame(data) if self._way.websocket else data)

    def data_received(self, data: bytes) -> None:
        if self._way.websocket:
            self._frames += data
            data = self._unframed()
        self._buffer += data
        if not self._connected:
            if len(self._buffer) < ANSWER:
                return
            self._connected = True
            self._buffer = self._buffer[ANSWER:]
        whole = len(self._buffer) // ANSWER * ANSWER
        answers, self._buffer = self._buffer[:whole], self._buffer[whole:]
        out = []
        for at in range(0, whole, ANSWER):
            packet_id = answers[at + 2 : at + 4]
            if answers[at] == PUBREC:
                out.append(b"\x62\x02" + packet_id)
            else:
                self._free.append(packet_id)
                self.done += 1
        if not self.stopped:
            out += [self._packets[packet_id] for packet_id in self._free]
            self._free.clear()
        if out:
            self._send(b"".join(out))

    def _unframed(self) -> bytes:
        if not self._upgraded:
            head, end, self._frames = self._frames.partition(b"\r\n\r\n")
            if not end:
                self._frames = head
                return b""
            self._upgraded = True
            self._send(self._hello)
        data, found, at = self._frames, [], 0
        while len(data) - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == LONG:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size > LONG:
                size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < begin + size:
                break
            found.append(data[begin : begin + size])
            at = begin + size
        self._frames = data[at:]
        return b"".join(found)


async def _play(
    way: Way, ports: dict[str, int], context: ssl.SSLContext, process: psutil.Process, seconds: float
) -> Row:
    loop = asyncio.get_running_loop()
    publishers = [Publisher(way, number) for number in range(CONNECTIONS)]

    async def connect(publisher: Publisher) -> None:
        await loop.create_connection(lambda: publisher, "127.0.0.1", ports[way.port], ssl=context if way.tls else None)

    await asyncio.gather(*map(connect, publishers))
    await asyncio.sleep(WARM_SECONDS)
    before, then, used = sum(each.done for each in publishers), time.perf_counter(), _cpu(process)
    await asyncio.sleep(seconds)
    messages, cpu, took = (
        sum(each.done for each in publishers) - before,
        _cpu(process) - used,
        time.perf_counter() - then,
    )
    assert messages, f"{way.name}: nothing was acknowledged"
    for publisher in publishers:
        publisher.stopped = True
    await asyncio.sleep(0.5)
    for publisher in publishers:
        publisher._transport.abort()
    await asyncio.sleep(0.1)
    return Row(way, messages / took, cpu / messages * 1e6)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure(bootstrap: str, rounds: int, seconds: float) -> list[Row]:
    """Every way in every round, on one adapter with all its listeners; the topic is there."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder), "authority")
        certificate, key = authority.sign("server")
        ports = {name: free_port() for name in ("tls", "ws", "wss")}
        variables = {f"{name.upper()}__PORT": str(port) for name, port in ports.items()}
        with Adapter(bootstrap, TLS__CERTFILE=str(certificate), TLS__KEYFILE=str(key), **variables) as adapter:
            ports["mqtt"] = adapter.port
            process = psutil.Process(adapter.process.pid)
            context = ssl.create_default_context(cafile=str(authority.cafile))
            return [uvloop.run(_play(way, ports, context, process, seconds)) for _ in range(rounds) for way in WAYS]


def median(rows: Sequence[Row], way: Way) -> tuple[float, float]:
    """Rate and CPU of a way, in the middle of its rounds."""
    own = sorted((row for row in rows if row.way == way), key=lambda row: row.cpu)
    return own[len(own) // 2].rate, own[len(own) // 2].cpu


def qos_2_ratio(rows: Sequence[Row]) -> float:
    """CPU of a QoS 2 message by that of a QoS 1 message."""
    return median(rows, WAYS[1])[1] / median(rows, WAYS[0])[1]


def table(rows: Sequence[Row]) -> str:
    """One line for each way."""
    plain = median(rows, WAYS[0])[1]
    lines = [
        f"{CONNECTIONS} connections, window {WINDOW}, a simple generator",
        f"{'':24} messages/s  CPU µs/message   x TCP",
    ]
    for way in WAYS:
        rate, cpu = median(rows, way)
        lines.append(f"{way.name:24} {rate:10,.0f} {cpu:15.2f} {cpu / plain:7.2f}")
    return "\n".join(lines) + "\n"
