"""Message Expiry Interval on a real Kafka."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.adapter import Adapter
from tests.support.packets import connect, puback, publish
from tests.support.records import read_all
from tests.support.until import until
from tests.support.wire import Wire

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

SECOND = b"\x02\x00\x00\x00\x01"  # Message Expiry Interval
HOUR = b"\x02\x00\x00\x0e\x10"


async def test_what_has_expired_while_kafka_was_frozen_is_not_produced(own_kafka: KafkaBroker) -> None:
    topic = own_kafka.create_topic("hono.telemetry.expiry")
    with Adapter(own_kafka.bootstrap) as adapter, Wire(adapter.port) as wire:

        def send(payload: bytes, packet_id: int, properties: bytes = b"") -> None:
            wire.send(publish("telemetry/expiry/d", payload, packet_id=packet_id, level=5, properties=properties))

        wire.send(connect(level=5))
        assert wire.receive()[0] == 0x20
        send(b"before", 1)
        assert wire.receive() == puback(1)
        own_kafka.pause()
        send(b"at kafka", 2)
        await until(lambda: adapter.metric("adapter_lanes_in_flight_records") == 1)
        send(b"short", 3, SECOND)
        send(b"long", 4, HOUR)
        send(b"any", 5)
        await until(lambda: adapter.metric("adapter_messages_dropped_total", reason="expired") == 1)
        own_kafka.resume()
        assert [wire.receive() for _ in range(4)] == [puback(number) for number in range(2, 6)]
        adapter.assert_balanced()
    records = read_all(own_kafka.bootstrap, topic)
    assert [one.value for one in records] == [b"before", b"at kafka", b"long", b"any"]
    headers = dict(records[2].headers)
    assert headers["ttl"] == b"3600000"
    assert int(headers["creation-time"]) <= time.time_ns() // 1_000_000
