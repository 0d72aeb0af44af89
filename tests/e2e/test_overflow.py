"""A flood of QoS 0 while Kafka stands still: memory stays bounded, and the operator chooses what is dropped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import read_all
from tests.support.until import until

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

FLOOD = 10_000
SIZES = {"MQTT__MAX_PACKET_SIZE": "16384", "KAFKA__MAX_BATCH_SIZE": "16384", "MAX_PENDING_BYTES": "262144"}


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest"])
async def test_of_a_flood_while_kafka_is_frozen_the_oldest_or_the_newest_land(
    own_kafka: KafkaBroker, policy: str
) -> None:
    topic = own_kafka.create_topic("hono.telemetry.flood", 1)
    with Adapter(own_kafka.bootstrap, QOS0_OVERFLOW=policy, **SIZES) as adapter:
        flooder, careful = Device("flooder", "telemetry/flood/f"), Device("careful", "telemetry/flood/c")
        for device in (flooder, careful):
            await device.connect(adapter.port)
            await device.publish(0)
            await device.all_acked()
        own_kafka.pause()
        await careful.series(range(1, 11))
        await flooder.series(range(1, FLOOD), qos=(0,))
        await until(lambda: adapter.metric("adapter_messages_received_total", qos="0") == FLOOD - 1)
        assert adapter.metric("adapter_pending_bytes") <= 262_144
        own_kafka.resume()
        await careful.all_acked()
        await until(lambda: adapter.metric("adapter_messages_pending") == 0)
        dropped = int(adapter.metric("adapter_messages_dropped_total", qos="0", reason="budget"))
        records = await asyncio.to_thread(read_all, own_kafka.bootstrap, topic)
        assert judge([flooder, careful], records).good
        numbers = [int((record.value or b"").split(b":")[1]) for record in records if record.key == b"f"]
        assert len(numbers) == FLOOD - dropped
        assert 0 < dropped < FLOOD - 500
        assert (FLOOD - 1 in numbers) is (policy == "drop_oldest")
        assert len(careful.acked) == 11
        adapter.assert_balanced()
        for device in (flooder, careful):
            await device.close()
        assert adapter.stop() == 0
