"""Attacks of few bytes and much work: each once made the event loop stand still, or honest devices wait for seconds."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING

from tests.attacks.attacks import FLOOD, attack, drop, peers
from tests.attacks.target import Peer, Target, all_of
from tests.support.packets import CONNACK_OK, connect, last_will, packet, publish, text, varint

if TYPE_CHECKING:
    from collections.abc import Iterator

UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
PING_FRAME = b"\x89\x80\0\0\0\0"
EMPTY_FRAME = b"\0\x80\0\0\0\0"
PAIRS = b"\x26\0\0\0\0" * 1000  # user properties
PATIENCE = 5.0  # seconds that an honest device waits for its CONNACK


@attack("reconnect storm with half packets")
async def half_packets(target: Target) -> str:
    half = publish(f"telemetry/{target.tenant}/half", bytes(200_000))[:190_000]

    async def one(number: int) -> None:
        drop(await peers(target, 20, connect(f"half-{number % 10}", keep_alive=0) + half))

    return f"{20 * await target.repeat(one, 0.05)} connections, 190 KB each"


@attack("half packets that stay")
async def half_packets_that_stay(target: Target) -> str:
    half = publish(f"telemetry/{target.tenant}/half", bytes(250_000))[:240_000]
    before = target.limited("unfinished_bytes")
    found: list[Peer] = []
    for number in range(500):
        found += await peers(target, 1, connect(f"stays-{number}", keep_alive=0) + half)
    await asyncio.sleep(target.seconds)
    closed = target.limited("unfinished_bytes") - before
    drop(found)
    assert closed, "120 MB are more than all may hold"
    return f"{closed:.0f} of {len(found)} closed"


async def _keep_full(found: list[Peer], data: bytes, seconds: float) -> None:
    """Send as fast as it is taken, and read what comes."""
    burst = data * (FLOOD // len(data) or 1)
    end = time.monotonic() + seconds

    async def one(peer: Peer) -> None:
        while time.monotonic() < end and not peer.closed:
            await peer.send(burst)
            await peer.read(0.02)
            peer.received = b""

    await all_of([one(peer) for peer in found])


@attack("WebSocket frames that bring nothing, before CONNECT")
async def idle_frames(target: Target) -> str:
    async def one(number: int) -> None:
        found = await peers(target, 5, UPGRADE, target.ws_port)
        await _keep_full(found, (PING_FRAME, b"\x02\x80\0\0\0\0" + EMPTY_FRAME * 2000)[number % 2], 0.5)
        drop(found)

    return f"{5 * await target.repeat(one)} connections"


@attack("CONNECT of one byte in a frame")
async def bytes_in_frames(target: Target) -> str:
    frames = b"\x82\x84\0\0\0\0\x10\xff\xff\x04" + b"\x82\x81\0\0\0\0x" * 20_000
    found = await peers(target, 10, UPGRADE, target.ws_port)
    await _keep_full(found, frames, target.seconds)
    drop(found)
    return f"{len(found)} connections"


async def _devices(target: Target, name: str, count: int, data: bytes) -> str:
    found = [await target.device(f"{name}-{number}", level=5) for number in range(count)]
    await _keep_full(found, data, target.seconds)
    closed = sum(peer.closed for peer in found)
    drop(found)
    return f"{count} connections, {closed} closed"


@attack("SUBSCRIBE to 65,300 levels, four at a time")
async def deep_filters(target: Target) -> str:
    return await _devices(target, "deep", 10, packet(0x82, b"\0\1\0" + (text("/" * 65_300) + b"\0") * 4))


@attack("PUBREL with a thousand user properties")
async def pubrel_bombs(target: Target) -> str:
    return await _devices(target, "pubrel", 10, packet(0x62, b"\0\1\0" + varint(len(PAIRS)) + PAIRS))


@attack("PUBLISH with a thousand user properties")
async def publish_bombs(target: Target) -> str:
    bomb = publish(f"telemetry/{target.tenant}/bomb", b"x", qos=0, level=5, properties=PAIRS)
    return await _devices(target, "publish", 20, bomb)


@attack("CONNECT with two thousand user properties")
async def connect_bombs(target: Target) -> str:
    bomb = connect("bomb", level=5, properties=PAIRS, will=last_will("t", b"x", level=5, properties=PAIRS))

    async def one(_: int) -> None:
        found = await peers(target, 20, bomb)
        await asyncio.sleep(0.05)
        drop(found)

    return f"{20 * await target.repeat(one)} refused"


@attack("PINGREQ flood of many devices")
async def many_pings(target: Target) -> str:
    return await _devices(target, "pings", 50, b"\xc0\0")


@attack("ClientHello flood")
async def client_hellos(target: Target) -> str:
    context = ssl.create_default_context(cafile=str(target.cafile))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()

    async def one(_: int) -> None:
        found = await peers(target, 100, hello, target.tls_port)
        await asyncio.sleep(0.2)
        drop(found)

    return f"{100 * await target.repeat(one)} half handshakes"


@attack("metrics for a hundred clients at once")
async def scrapes(target: Target) -> str:
    request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

    async def one(_: int) -> None:
        found = await peers(target, 100, request, target.adapter.http_port)
        await all_of([peer.read(0.1) for peer in found])
        drop(found)

    count = await target.repeat(one)
    assert target.adapter.readiness()[0], "probes are answered"
    return f"{100 * count} requests"


@attack("one message, repeated thousands of times in a read")
async def repeats(target: Target) -> str:
    topic = f"t/{target.tenant}/d"

    def bursts() -> Iterator[bytes]:
        yield b"".join(publish(topic, b"x", packet_id=number) for number in range(1, 301))
        yield publish(topic, b"x", packet_id=250, dup=True) * 4000

    async def one(number: int) -> None:
        peer = await target.device(f"repeats-{number % 3}")
        await peer.send(b"".join(bursts()))
        await peer.read(0.2)
        peer.drop()

    return f"{await target.repeat(one)} bursts"


@attack("passwords tried from one address, while devices of others come")
async def many_guesses(target: Target) -> str:
    waits: list[float] = []
    over = False

    async def guess() -> None:
        number = 0
        while not over:
            number += 1
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", target.adapter.port, local_addr=("127.0.0.2", 0)
            )
            peer = Peer(reader, writer)
            target.opened.append(peer)
            await peer.send(connect(f"guess-{number}", username="sensor1@demo", password=f"{number}"))
            await asyncio.sleep(0.02)
            if number % 2:  # the others wait
                peer.drop()

    guessing = asyncio.create_task(guess())

    async def one(number: int) -> None:
        began = time.monotonic()
        peer = await target.open()
        await peer.send(connect(f"comes-{number}", username="sensor1@demo", password="right"))  # noqa: S106 - made up
        assert await peer.answer(PATIENCE) == CONNACK_OK, "an honest device is not let in"
        waits.append(time.monotonic() - began)
        peer.drop()

    await target.repeat(one, 1.0)
    over = True
    await guessing
    return f"{len(waits)} devices let in, the last to wait did for {max(waits):.1f} s"
