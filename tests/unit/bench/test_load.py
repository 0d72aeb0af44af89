"""The load generator against a server in the same process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.bench.device import Publisher
from tests.bench.load import Load, connect, run_acknowledged, run_unacknowledged
from tests.support import packets


class Acknowledger(asyncio.Protocol):
    """Accepts everybody and acknowledges every 150-byte PUBLISH; whoever is named `bad` is refused."""

    received = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if data[0] == 0x10:
            size = 2 + data[1]
            self._transport.write(b"\x20\x02\x00\x05" if b"bad" in data else packets.CONNACK_OK)
            data = data[size:]
        size = len(packets.publish("telemetry", b"x" * 128))
        while len(data) >= size:
            at = 2 + 1 + 2 + len("telemetry")  # a Remaining Length of two bytes
            Acknowledger.received += 1
            self._transport.write(b"\x40\x02" + data[at : at + 2])
            data = data[size:]
        self._rest = data


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where the server listens."""
    Acknowledger.received = 0
    server = await asyncio.get_running_loop().create_server(Acknowledger, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connected(load: Load) -> list[Publisher]:
    return await asyncio.to_thread(connect, load)


async def test_every_message_of_a_run_is_acknowledged_and_measured(port: int) -> None:
    publishers = await connected(Load(port=port, connections=3, window=5, topic="telemetry"))
    measured = await asyncio.to_thread(run_acknowledged, publishers, 5.0, 1000)
    assert (measured.messages, measured.disordered, measured.latencies.total()) == (1000, 0, 1000)
    assert Acknowledger.received == 1000
    for publisher in publishers:
        publisher.sock.close()


async def test_a_run_ends_after_its_time_with_nothing_owed(port: int) -> None:
    publishers = await connected(Load(port=port, connections=2, window=5, topic="telemetry"))
    measured = await asyncio.to_thread(run_acknowledged, publishers, 0.05, 10**9)
    assert measured.seconds < 5
    assert measured.messages == Acknowledger.received
    for publisher in publishers:
        publisher.sock.close()


async def test_a_run_of_fewer_messages_than_devices_sends_just_those(port: int) -> None:
    publishers = await connected(Load(port=port, connections=4, window=1, topic="telemetry"))
    measured = await asyncio.to_thread(run_acknowledged, publishers, 5.0, 3)
    assert (measured.messages, Acknowledger.received) == (3, 3)
    for publisher in publishers:
        publisher.sock.close()


async def test_qos_0_sends_the_number_asked_for(port: int) -> None:
    publishers = await connected(Load(port=port, connections=2, window=1, topic="telemetry", qos=0))
    measured = await asyncio.to_thread(run_unacknowledged, publishers, 5.0, 555)
    assert measured.messages == 555
    for publisher in publishers:
        publisher.sock.close()


async def test_a_refused_connect_ends_the_run(port: int) -> None:
    with pytest.raises(ConnectionError, match="20020005"):
        await connected(Load(port=port, connections=1, window=1, topic="telemetry", username="bad"))


def test_a_part_of_the_devices_keeps_their_numbers() -> None:
    load = Load(port=1, connections=10, window=1, topic="telemetry", username="device{n}@bench")
    part = load.part(4, 6)
    assert [part.device(part.first + at).username for at in range(part.connections)] == [
        "device4@bench",
        "device5@bench",
    ]
