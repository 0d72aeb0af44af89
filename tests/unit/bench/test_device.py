"""The load generator's device: what it sends is MQTT, and it notices when PUBACKs are not in order."""

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.bench.device import Device, Publisher
from tests.support import packets

DEVICE = Device(number=7, topic="telemetry", payload_size=128, qos=1, window=3)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


def read(sock: socket.socket, size: int) -> bytes:
    return sock.recv(size, socket.MSG_WAITALL)


def test_a_publish_has_the_topic_the_identifier_and_128_bytes_of_payload() -> None:
    packet = DEVICE.publish_packet(258)
    assert packet == packets.publish("telemetry", b"00000007/000258/" + b"x" * 112, packet_id=258)


def test_a_device_names_itself_by_its_number() -> None:
    device = Device(number=7, topic="t", payload_size=128, qos=1, window=1, username="device7@bench")
    assert device.connect_packet() == packets.connect("device7", keep_alive=600, username="device7@bench")


def test_chunks_follow_one_another_and_begin_again_after_the_last_identifier(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    packet = DEVICE.publish_packet(1)
    for first in range(0, 36, 3):
        assert publisher.publish(3, 0.0)
        expected = b"".join(DEVICE.publish_packet(1 + (first + place) % 32) for place in range(3))
        assert read(theirs, 3 * len(packet)) == expected


def test_pubacks_in_order_are_counted_with_their_latency(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    publisher.publish(3, 0.0)
    theirs.sendall(b"".join(map(packets.puback, (1, 2, 3))))
    latencies = Counter[int]()
    assert publisher.acknowledged(latencies) == 3
    assert latencies.total() == 3
    assert publisher.disordered == 0


def test_a_puback_may_come_in_two_pieces(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    publisher.publish(3, 0.0)
    acks = b"".join(map(packets.puback, (1, 2, 3)))
    latencies = Counter[int]()
    counts = []
    for piece in (acks[:5], acks[5:]):
        theirs.sendall(piece)
        counts.append(publisher.acknowledged(latencies))
    assert counts == [1, 2]
    assert publisher.disordered == 0


def test_pubacks_that_overtake_are_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    publisher.publish(3, 0.0)
    theirs.sendall(b"".join(map(packets.puback, (1, 3, 2))))
    assert publisher.acknowledged(Counter()) == 3
    assert publisher.disordered == 2


def test_anything_but_a_puback_ends_the_run(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    publisher.publish(1, 0.0)
    theirs.sendall(b"\xe0\x02\x89\x00")
    with pytest.raises(ConnectionError, match="not a PUBACK: e0028900"):
        publisher.acknowledged(Counter())


def test_a_closed_connection_ends_the_run(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    publisher = Publisher(DEVICE, ours)
    theirs.close()
    with pytest.raises(ConnectionError, match="closed"):
        publisher.acknowledged(Counter())


def test_what_the_socket_does_not_take_is_sent_later_and_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    device = Device(number=7, topic="telemetry", payload_size=100_000, qos=1, window=8)
    publisher = Publisher(device, ours)
    expected = b"".join(device.publish_packet(identifier) for identifier in range(1, 17))
    assert not publisher.publish(8, 0.0)
    assert not publisher.publish(8, 0.0)
    received = b""
    while len(received) < len(expected):
        received += theirs.recv(65_536)
        publisher.flush()
    assert received == expected
    assert publisher.flush()
