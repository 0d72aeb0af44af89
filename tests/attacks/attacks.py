"""The attacks: each is bounded in count and time, says what the adapter did, and fails when it did the wrong thing."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.attacks.target import MUCH, Target, all_of
from tests.conformance.conversation import packets
from tests.support.packets import CONNACK_OK, DISCONNECT, PINGREQ, connect, last_will, packet, publish, text, varint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.attacks.target import Peer

# Open files of this process and of the adapter bound it.
CONNECTIONS = 1500
FLOOD = 32_768  # bytes that a flooder has on its way
FOREVER = "a" * 200
DISCONNECTED, REFUSED = 14, 0x80
HEADERS = ("device_id", "tenant_id", "creation-time", "orig_adapter", "gateway_id", "qos", "mqtt-will", "ttl")
BAD_TEXT = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\0", b"a\0b", b"\xe2\x82")


@dataclass(frozen=True, slots=True)
class Attack:
    """`play` returns what the adapter did. Raises AssertionError when it did the wrong thing."""

    name: str
    play: Callable[[Target], Awaitable[str]]


ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Callable[[Target], Awaitable[str]]], Callable[[Target], Awaitable[str]]]:
    """Enter a function into the list."""

    def enter(play: Callable[[Target], Awaitable[str]]) -> Callable[[Target], Awaitable[str]]:
        ATTACKS[name] = Attack(name, play)
        return play

    return enter


async def peers(target: Target, count: int, hello: bytes = b"", port: int | None = None) -> list[Peer]:
    """So many connections, each of which has said `hello`; those that are turned away are left out."""
    found: list[Peer] = []

    async def one() -> None:
        peer = await target.open(port)
        if hello:
            await peer.send(hello)
        found.append(peer)

    for begin in range(0, count, 100):
        await all_of([one() for _ in range(min(100, count - begin))])
    return found


def drop(found: list[Peer]) -> None:
    for peer in found:
        peer.drop()


# -- connections -------------------------------------------------------------------------------------------------------


@attack("connections without CONNECT")
async def silent(target: Target) -> str:
    found = await peers(target, CONNECTIONS)
    await asyncio.sleep(target.seconds)
    open_now = target.metric("adapter_connections")
    drop(found)
    return f"{open_now:.0f} open at once, closed after the CONNECT timeout"


@attack("connections that come and go")
async def churn(target: Target) -> str:
    async def one(number: int) -> None:
        drop(await peers(target, 20, connect(f"churn-{number}", keep_alive=0) if number % 2 else b""))

    return f"{20 * await target.repeat(one, 0.05)} connections"


@attack("takeover ping-pong")
async def takeover(target: Target) -> str:
    hello = connect("ping-pong", clean=False) + publish(f"telemetry/{target.tenant}/pp", b"x", qos=2)

    async def one(_: int) -> None:
        found = await peers(target, 10, hello)
        await asyncio.sleep(0.02)
        drop(found)

    count = 10 * await target.repeat(one, 0.02)
    return f"{count} takeovers of one client identifier"


@attack("wrong passwords")
async def guesses(target: Target) -> str:
    delayed = target.limited("refusal_delayed")

    async def one(number: int) -> None:  # who goes before it has its answer is not asked about
        await peers(target, 20, connect(f"g{number}", username="sensor1@demo", password=f"{number}"))
        await asyncio.sleep(0.1)

    count = 20 * await target.repeat(one, 0.1)
    for _ in range(50):
        if target.limited("refusal_delayed") > delayed:
            break
        await asyncio.sleep(0.1)
    assert target.limited("refusal_delayed") > delayed
    return f"{count} guesses; the answers to {target.limited('refusal_delayed') - delayed:.0f} were delayed"


# -- slowly ------------------------------------------------------------------------------------------------------------


async def _slowly(target: Target, whole: bytes, before: bytes = b"", port: int | None = None) -> str:
    found = await peers(target, 200, before, port)

    async def one(number: int) -> None:
        byte = whole[number % len(whole) : number % len(whole) + 1]
        await all_of([peer.send(byte) for peer in found])

    await target.repeat(one, 0.1)
    drop(found)
    return f"{len(found)} connections, ten bytes a second each"


@attack("slowloris: CONNECT byte by byte")
async def slow_connect(target: Target) -> str:
    return await _slowly(target, b"\x10\xff\x01" + text("MQTT") + b"\x04\x02\0\0" + text("x" * 200))


@attack("slowloris: PUBLISH byte by byte")
async def slow_publish(target: Target) -> str:
    found = await peers(target, 200)
    for number, peer in enumerate(found):
        await peer.send(connect(f"slow-{number}", keep_alive=0) + b"\x30\xff\x7f\0\x03t/x")
    end = time.monotonic() + target.seconds
    while time.monotonic() < end:
        await all_of([peer.send(b"x") for peer in found])
        await asyncio.sleep(0.1)
    drop(found)
    return f"{len(found)} connections, ten bytes a second each"


@attack("slowloris: TLS handshake")
async def slow_tls(target: Target) -> str:
    return await _slowly(target, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500), port=target.tls_port)


@attack("slowloris: WebSocket upgrade")
async def slow_upgrade(target: Target) -> str:
    head = b"GET /mqtt HTTP/1.1\r\nHost: a\r\nX-Filler: " + b"a" * 1000
    return await _slowly(target, head, port=target.ws_port)


@attack("devices that never read what they are answered")
async def deaf(target: Target) -> str:
    found = [await target.device(f"deaf-{number}") for number in range(20)]
    burst = PINGREQ * 20_000

    async def one(_: int) -> None:
        await all_of([peer.send(burst) for peer in found])

    await target.repeat(one, 0.05)
    paused = target.metric("adapter_connections_paused")
    drop(found)
    return f"{paused:.0f} connections not read meanwhile"


# -- sizes -------------------------------------------------------------------------------------------------------------


@attack("giant remaining lengths")
async def giant(target: Target) -> str:
    limited = target.limited("packet_size")

    async def one(number: int) -> None:
        peer = await target.device(f"giant-{number}")
        await peer.send(b"\x32\xff\xff\xff\x7f" + bytes(MUCH))
        assert await peer.until_closed(2.0)

    count = await target.repeat(one, 0.02)
    assert target.limited("packet_size") == limited + count
    return f"closed at once, {count} times"


@attack("CONNECT without end")
async def endless(target: Target) -> str:
    async def one(_: int) -> None:
        peer = await target.open()
        await peer.send(b"\x10\xff\xff\xff\x7f" + bytes(MUCH))
        assert await peer.until_closed(2.0)

    return f"closed at once, {await target.repeat(one, 0.02)} times"


async def _publishes(target: Target, name: str, made: Callable[[int], bytes], level: int = 4) -> int:
    """Send packets of a device that comes back whenever it is closed; returns how many, in 16 KiB at a time."""
    sent = 0
    peer: Peer | None = None

    async def one(_: int) -> None:
        nonlocal sent, peer
        if peer is None or peer.closed:
            peer = await target.device(name, level=level)
        burst = b""
        while len(burst) < MUCH // 4:
            burst += made(sent)
            sent += 1
        await peer.send(burst)
        await peer.read(0.02)

    await target.repeat(one)
    if peer is not None:
        peer.drop()
    return sent


@attack("topics of a thousand levels, and of 64 KB")
async def deep(target: Target) -> str:
    limited = target.limited("topic_levels"), target.limited("topic_length")

    def made(number: int) -> bytes:
        return publish("/" * 1000 if number % 2 else "x" * 65_535, packet_id=number % 60_000 + 1, level=5)

    count = await _publishes(target, "deep", made, 5)
    assert target.limited("topic_levels") > limited[0]
    assert target.limited("topic_length") > limited[1]
    return f"{count} refused"


@attack("ever new topics")
async def new_topics(target: Target) -> str:
    count = await _publishes(target, "new", lambda n: publish(f"telemetry/{target.tenant}/{n:x}", qos=0))
    return f"{count} topics, each looked up"


@attack("65,535 packet identifiers in flight")
async def identifiers(target: Target) -> str:
    async def one(number: int) -> None:
        peer = await target.device(f"ids-{number}", level=5)
        topic = f"telemetry/{target.tenant}/ids"
        for begin in range(1, 65_536, 4096):
            ids = range(begin, min(begin + 4096, 65_536))
            await peer.send(b"".join(publish(topic, b"", qos=2, packet_id=n, level=5) for n in ids))
        peer.closed = False
        await peer.read(0.2)
        peer.drop()

    return f"{await target.repeat(one, 0.2)} times; past Receive Maximum closed with 0x93"


@attack("abuse of topic aliases")
async def aliases(target: Target) -> str:
    topic = f"telemetry/{target.tenant}/alias"

    async def one(number: int) -> None:
        peer = await target.device(f"alias-{number}", level=5)
        bad = (0, 65, 65_535, 7)[number % 4]
        for alias in range(1, 65):
            await peer.send(publish(topic, level=5, qos=0, properties=b"\x23" + alias.to_bytes(2, "big")))
        await peer.send(publish("", level=5, qos=0, properties=b"\x23" + bad.to_bytes(2, "big")))
        assert (await peer.until_closed(2.0 if bad != 7 else 0.1)) is (bad != 7)
        peer.drop()

    return f"closed with 0x94, {await target.repeat(one, 0.02)} times"


@attack("property bombs")
async def properties(target: Target) -> str:
    pair = b"\x26" + text("") + text("")

    async def one(number: int) -> None:
        peer = await target.device(f"bomb-{number}", level=5)
        body = text(f"telemetry/{target.tenant}/bomb") + varint(50_000 * 5) + pair * 50_000
        await peer.send(packet(0x30, body))
        assert await peer.until_closed(2.0)
        peer = await target.device(f"bomb-{number}", level=5)
        identifiers = b"\x0b\x01" * 50_000
        await peer.send(packet(0x82, b"\0\1" + varint(len(identifiers)) + identifiers + text("a") + b"\0"))
        assert await peer.until_closed(2.0)

    return f"closed, {2 * await target.repeat(one, 0.05)} times"


# -- contents ----------------------------------------------------------------------------------------------------------


@attack("text that is not UTF-8")
async def bad_text(target: Target) -> str:
    async def one(number: int) -> None:
        bad = BAD_TEXT[number % len(BAD_TEXT)]
        where = number // len(BAD_TEXT) % 3
        if where == 0:
            peer = await target.open()
            await peer.send(packet(0x10, text("MQTT") + b"\x04\x02\0\0" + text(bad)))
        else:
            peer = await target.device(f"text-{number}", level=5)
            sent = publish(bad, level=5) if where == 1 else publish("t", level=5, properties=b"\x03" + text(bad))
            await peer.send(sent)
        assert await peer.until_closed(2.0), bad

    return f"closed, {await target.repeat(one, 0.01)} times"


@attack("topics with wildcards, of $SYS, and aimed at Kafka's names")
async def odd_topics(target: Target) -> str:
    topics = (
        "#", "telemetry/+/x", "$SYS/broker", "telemetry/../../etc", "telemetry/__consumer_offsets/x",
        "telemetry/" + "t" * 300 + "/x", "telemetry/a%2fb/c", "telemetry/a:b/c", "telemetry/./x", "event/..//x",
        f"telemetry/{FOREVER}/{FOREVER}", "telemetry/nobody/x", "__consumer_offsets", "hono.telemetry.other",
    )  # fmt: skip
    refused = target.metric("adapter_messages_refused_total", qos="1")
    taken = target.metric("adapter_messages_acknowledged_total", qos="1")

    async def one(number: int) -> None:
        peer = await target.device(f"odd-{number}", level=5)
        await peer.send(publish(topics[number % len(topics)], b"odd", level=5))
        [answer] = packets(await peer.answer())
        code = answer.body[0] if answer.kind == DISCONNECTED else answer.body[2]
        assert code >= REFUSED, topics[number % len(topics)]
        peer.drop()

    count = await target.repeat(one)
    assert target.metric("adapter_messages_refused_total", qos="1") > refused
    return (
        f"{count} refused; the honest had {target.metric('adapter_messages_acknowledged_total', qos='1') - taken:.0f}"
    )


@attack("user properties named like our headers")
async def headers(target: Target) -> str:
    lies = b"".join(b"\x26" + text(name) + text("liar") for name in HEADERS)
    topic = f"telemetry/{target.tenant}/liar"

    async def one(number: int) -> None:
        peer = await target.device(f"liar-{number}", level=5)
        await peer.send(publish(topic, b"liar:-1:", level=5, properties=lies))
        assert (await peer.answer())[:1] == b"\x40"
        peer.drop()

    return f"{await target.repeat(one, 0.02)} records without them"


@attack("log injection by client identifier")
async def log_injection(target: Target) -> str:
    async def one(number: int) -> None:
        name = f'x"}}\n{{"event":"forged","n":{number}}}\r\n\x1b[2J\u2028'
        peer = await target.open()
        await peer.send(connect(name, username="sensor1@demo", password="a secret to be kept"))  # noqa: S106 - made up
        await peer.read(0.05)
        peer.drop()
        peer = await target.device(name)
        await peer.send(b"\xf0\x00")
        assert await peer.until_closed(2.0)

    count = await target.repeat(one, 0.02)
    for line in target.adapter.output().splitlines():
        assert not line.startswith('{"event":"forged"'), line
        assert "\x1b" not in line
        assert "a secret to be kept" not in line
    return f"{count} times; every line of the log is one of ours"


# -- floods ------------------------------------------------------------------------------------------------------------


async def _flood(target: Target, name: str, data: bytes) -> int:
    burst = data * (FLOOD // len(data))
    peer = await target.device(name, level=5)

    async def one(_: int) -> None:
        await peer.send(burst)
        await peer.read(0.02)

    count = await target.repeat(one)
    assert not peer.closed
    peer.drop()
    return count * (FLOOD // len(data))


@attack("PUBREL flood")
async def pubrels(target: Target) -> str:
    return f"{await _flood(target, 'pubrel', bytes([0x62, 2, 0, 9]))} answered"


@attack("PINGREQ flood")
async def pings(target: Target) -> str:
    return f"{await _flood(target, 'ping', PINGREQ)} answered"


@attack("SUBSCRIBE flood")
async def subscribes(target: Target) -> str:
    return f"{await _flood(target, 'subscribe', packet(0x82, bytes([0, 1, 0]) + text('a/#') + bytes(1)))} refused"


@attack("QoS 0 flood")
async def qos_0(target: Target) -> str:
    data = publish(f"telemetry/{target.tenant}/flood", b"liar:-1:", qos=0, level=5)
    return f"{await _flood(target, 'flood', data)} messages"


@attack("Wills, over and over")
async def wills(target: Target) -> str:
    will = last_will(f"telemetry/{target.tenant}/will", b"x" * 10_000)

    async def one(number: int) -> None:
        drop(await peers(target, 5, connect(f"will-{number}", will=will)))

    return f"{5 * await target.repeat(one, 0.1)} kept and published, each in its turn"


@attack("random bytes")
async def noise(target: Target) -> str:
    rng = random.Random(7)  # noqa: S311 - the same noise again

    async def one(number: int) -> None:
        peer = await (target.device(f"noise-{number}") if number % 2 else target.open())
        await peer.send(rng.randbytes(rng.randint(1, 3000)))
        await peer.read(0.02)
        peer.drop()

    return f"{await target.repeat(one)} connections"


# -- TLS and WebSocket -------------------------------------------------------------------------------------------------


@attack("TLS renegotiation and half handshakes")
async def renegotiation(target: Target) -> str:
    async def one(_: int) -> None:
        context = ssl.create_default_context(cafile=str(target.cafile))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        reader, writer = await asyncio.open_connection("127.0.0.1", target.tls_port, ssl=context)
        writer.write(connect("tls"))
        assert await reader.readexactly(4) == CONNACK_OK
        writer.transport.abort()
        for _ in range(5):  # as far as the server's work, and no further
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            half = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            try:
                half.do_handshake()
            except ssl.SSLWantReadError:
                peer = await target.open(target.tls_port)
                await peer.send(outgoing.read())
                await peer.read(0.05)
                peer.drop()

    count = await target.repeat(one, 0.05)
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", f"127.0.0.1:{target.tls_port}", "-tls1_2",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(20):
        told, _ = await process.communicate(b"R\n")
    assert b"RENEGOTIATING" in told
    assert b"error" in told.partition(b"RENEGOTIATING")[2]
    return f"{6 * count} handshakes; renegotiation refused"


@attack("WebSocket oddities")
async def websocket(target: Target) -> str:
    upgrade = (
        b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    mask = bytes(4)
    odd = (
        b"\x82\x02" + PINGREQ,  # not masked
        b"\x81\x82" + mask + PINGREQ,  # text
        b"\x82\xff" + b"\x80" + bytes(7) + mask,  # longer than a frame may be
        b"\xc2\x82" + mask + PINGREQ,  # compressed
        b"\x83\x80" + mask,  # unknown
        b"\x89\xff" + (1 << 40).to_bytes(8, "big") + mask,  # a giant ping
        b"\x02\x81" + mask + b"\x30" + b"\x02\x81" + mask + b"\x30",  # a message within a message
    )

    async def one(number: int) -> None:
        peer = await target.open(target.ws_port)
        await peer.send(upgrade)
        await peer.send(odd[number % len(odd)])
        assert await peer.until_closed(2.0), odd[number % len(odd)]
        flooder = await target.open(target.ws_port)
        await flooder.send(upgrade + (b"\x89\x80" + mask) * 2000)
        await flooder.read(0.05)
        flooder.drop()
        endless = await target.open(target.ws_port)
        await endless.send(upgrade + b"\x02\x81" + mask + b"\x10" + (b"\0\x81" + mask + b"\xff") * 3000)
        await endless.read(0.05)
        endless.drop()

    return f"closed, {3 * await target.repeat(one, 0.02)} connections"


@attack("HTTP, and other protocols")
async def strangers(target: Target) -> str:
    hellos = (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"\x16\x03\x01\0\x05hello", b"HELO a\r\n",
        b"\0\0\0\x10kafka", os.urandom(64), DISCONNECT, b"PROXY TCP4 1.1.1.1 2.2.2.2 1 1\r\n" + connect("proxied"),
    )  # fmt: skip

    async def one(number: int) -> None:
        peer = await target.open()
        await peer.send(hellos[number % len(hellos)])
        await peer.read(0.1)
        assert CONNACK_OK not in peer.received
        peer.drop()

    return f"{await target.repeat(one)} turned away"
