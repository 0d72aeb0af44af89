"""The asyncio shell, on real sockets: bytes, closing, slow readers."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from adapter.counters import Ledger
from adapter.delivery.budget import Budget
from adapter.delivery.pipeline import Pipeline, PipelineConfig
from adapter.model import Connect, Identity, PublishHeader, RecordTemplate, Refusal
from adapter.mqtt.frontend import Frontend, MqttConfig
from adapter.mqtt.listener import Listener
from adapter.peer import Peer
from adapter.reasons import CloseCause
from adapter.runs import Route
from tests.support.fakes import FakeKafka, FakeLog
from tests.support.packets import CONNACK_OK, DISCONNECT, connect, puback, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Open:
    """A gate that lets everything through to one lane."""

    pipeline: Pipeline

    def authenticate(self, connect: Connect, peer: Peer, done: object) -> None:
        assert callable(done)
        assert peer == Peer("127.0.0.1")
        done(Identity(connect.client_id))

    def resolve(self, _identity: Identity, _header: PublishHeader, _done: object) -> Route | Refusal:
        template = RecordTemplate("plant", b"k", (), "test")
        return Route(template, self.pipeline.lane("plant", 0), ack_on_receipt=False)


class World:
    """A listener on a port of its own."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.kafka = FakeKafka()
        self.ledger = Ledger()
        self.budget = Budget(10_000_000)
        gate = Open()
        config = PipelineConfig(max_batch_size=1_000_000, delivery_timeout=60.0)
        gate.pipeline = Pipeline(config, self.kafka, loop, self.budget, self.ledger)
        self.frontend = Frontend(
            MqttConfig(receive_maximum=65_535), gate, self.budget, self.ledger, loop, lambda: 0, FakeLog()
        )
        self.listener = Listener(self.frontend, "127.0.0.1", 0)

    async def until(self, what: object) -> None:
        assert callable(what)
        async with asyncio.timeout(90):  # millions of packets, measured for coverage on a busy machine
            while not what():
                await asyncio.sleep(0.005)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.listener.start()
    yield world
    world.listener.stop()
    for session in list(world.frontend.sessions):
        session.end(None, "shutdown")
    await world.until(lambda: world.frontend.counters.connections == 0)


async def test_bytes_go_in_and_out(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.listener.port)
    writer.write(connect() + publish("t", b"1" * 100_000, packet_id=5))
    assert await reader.readexactly(4) == CONNACK_OK
    await world.until(lambda: world.kafka.waiting)
    world.kafka.answer()
    assert await reader.readexactly(4) == puback(5)
    assert world.kafka.log["plant", 0] == [b"1" * 100_000]
    writer.write(DISCONNECT)
    assert await reader.read() == b""
    writer.close()


async def test_the_last_packet_arrives_although_the_device_goes_on_sending(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.listener.port)
    writer.write(connect(level=5) + b"\x36\x05\x00\x01t\x00\x01" + b"\xff" * 2_000_000)
    answer = await reader.read()
    assert answer[0] == 0x20
    assert b"\xe0" in answer
    writer.close()


async def test_a_connection_that_was_reset_a_moment_ago_can_be_closed(world: World) -> None:
    with socket.socket() as device:
        device.connect(("127.0.0.1", world.listener.port))
        device.sendall(connect())
        await world.until(lambda: any(session.is_open for session in world.frontend.sessions))
        device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    [session] = world.frontend.sessions
    session.end(None, CloseCause.SHUTDOWN)  # the event loop has not had a turn since
    await world.until(lambda: world.frontend.counters.connections == 0)


async def test_a_device_that_does_not_read_its_pubacks_is_read_no_further(world: World) -> None:
    with socket.socket() as device:
        device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        device.connect(("127.0.0.1", world.listener.port))
        device.settimeout(0)
        loop = asyncio.get_running_loop()
        sending = asyncio.create_task(loop.sock_sendall(device, connect() + b"\xc0\x00" * 8_000_000))
        await world.until(lambda: world.frontend.counters.paused == 1)
        assert world.frontend.counters.bytes_sent < 16_000_000, "what the device does not read is not piled up"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_connection_that_breaks_leaves_nothing_behind(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.listener.port)
    writer.write(connect() + publish("t"))
    await reader.readexactly(4)
    writer.transport.abort()
    await world.until(lambda: world.frontend.counters.connections == 0)
    assert world.frontend.connected == 0
    assert world.frontend.counters.closed == {"connection_lost": 1}
    world.kafka.answer()
    assert world.ledger.difference(1) == 0
