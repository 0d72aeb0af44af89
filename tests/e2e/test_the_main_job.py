"""A device publishes, Kafka has it, then the PUBACK: the real adapter, a real Kafka, bytes on a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.support.adapter import Adapter
from tests.support.packets import CONNACK_OK, connect, puback, publish
from tests.support.records import read_all

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]


def receive(device: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size:
        more = device.recv(size - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def test_a_record_is_as_the_contract_says(kafka: KafkaBroker, unique: Unique) -> None:
    tenant = unique("tenant")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap) as adapter, socket.create_connection(("127.0.0.1", adapter.port), 10) as device:
        device.sendall(connect() + publish(f"telemetry/{tenant}/d1", b"hello", packet_id=7))
        assert receive(device, 4) == CONNACK_OK
        assert receive(device, 4) == puback(7)
        [record] = read_all(kafka.bootstrap, topic)
        assert (record.key, record.value) == (b"d1", b"hello")
        assert record.headers == (
            ("creation-time", str(record.timestamp).encode()),
            ("content-type", b"application/octet-stream"),
            ("device_id", b"d1"),
            ("orig_adapter", b"hono-mqtt"),
            ("orig_address", f"telemetry/{tenant}/d1".encode()),
            ("qos", b"1"),
        )
        adapter.assert_balanced()
        assert adapter.stop() == 0
