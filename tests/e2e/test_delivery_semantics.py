"""At least once and at most once, as the source document tells them apart, on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import end_offsets, read_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]

AT_MOST_ONCE = {"DELIVERY": "at_most_once"}
LOSSES_ALLOWED = {
    "acks=1": {**AT_MOST_ONCE, "KAFKA__ACKS": "1"},
    "acks=0": {**AT_MOST_ONCE, "KAFKA__ACKS": "0"},
    "on receipt": {**AT_MOST_ONCE, "MQTT__PUBACK": "on_receipt"},
    "on receipt, acks=1": {**AT_MOST_ONCE, "MQTT__PUBACK": "on_receipt", "KAFKA__ACKS": "1"},
}
AT_LEAST_ONCE = {"idempotent": {}, "not idempotent": {"KAFKA__ENABLE_IDEMPOTENCE": "false"}}


def fleet(tenant: str, count: int, **fields: int) -> list[Device]:
    return [
        Device(f"{tenant}-d{number}", f"telemetry/{tenant}/d{number}", level=4 + number % 2, **fields)
        for number in range(count)
    ]


async def frozen_in_the_middle(kafka: KafkaBroker, adapter: Adapter, tenant: str, seconds: float = 3) -> list[Device]:
    """Devices publish 200 messages each; Kafka is frozen in the middle of it."""
    devices = fleet(tenant, 10, window=30)
    for device in devices:
        await device.connect(adapter.port)
    first = [asyncio.create_task(device.series(range(100))) for device in devices]
    await asyncio.gather(*first)
    kafka.pause()
    second = [asyncio.create_task(device.series(range(100, 200))) for device in devices]
    await asyncio.sleep(seconds)
    kafka.resume()
    await asyncio.gather(*second)
    for device in devices:
        await device.all_acked()
        await device.close()
    return devices


@pytest.mark.parametrize("variables", AT_LEAST_ONCE.values(), ids=AT_LEAST_ONCE)
async def test_no_puback_before_the_record_is_readable(
    kafka: KafkaBroker, unique: Unique, variables: dict[str, str]
) -> None:
    tenant = unique("semantics")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    with Adapter(kafka.bootstrap, **variables) as adapter:
        device = Device(tenant, f"telemetry/{tenant}/d")
        await device.connect(adapter.port)
        for number in range(10):
            await device.publish(number)
            await device.all_acked()
            assert end_offsets(kafka.bootstrap, topic)[0] == number + 1
        await device.close()
        assert adapter.stop() == 0


ORDERED = {**AT_LEAST_ONCE, "acks=1": LOSSES_ALLOWED["acks=1"]}


@pytest.mark.parametrize("variables", ORDERED.values(), ids=ORDERED)
async def test_order_per_device_is_kept_through_a_frozen_broker(
    kafka: KafkaBroker, unique: Unique, variables: dict[str, str]
) -> None:
    tenant = unique("frozen")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap, **variables) as adapter:
        devices = await frozen_in_the_middle(kafka, adapter, tenant)
        assert judge(devices, read_all(kafka.bootstrap, topic)).good
        assert [len(device.acked) for device in devices] == [200] * 10
        adapter.assert_balanced()
        assert adapter.stop() == 0


@pytest.mark.parametrize("variables", LOSSES_ALLOWED.values(), ids=LOSSES_ALLOWED)
async def test_order_is_kept_with_acks_0_and_with_puback_on_receipt(
    kafka: KafkaBroker, unique: Unique, variables: dict[str, str]
) -> None:
    tenant = unique("fast")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap, **variables) as adapter:
        devices = fleet(tenant, 10)
        for device in devices:
            await device.connect(adapter.port)
        await asyncio.gather(*(device.series(range(300), qos=(1, 0, 1)) for device in devices))
        for device in devices:
            await device.all_acked()
            await device.close()
        records = read_all(kafka.bootstrap, topic, 3000)
        assert len(records) == 3000
        assert judge(devices, records).good
        adapter.assert_balanced()
        assert adapter.stop() == 0


@pytest.mark.parametrize("variables", [LOSSES_ALLOWED["acks=0"], LOSSES_ALLOWED["on receipt"]], ids=["0", "receipt"])
async def test_acks_0_acknowledges_while_kafka_is_frozen(
    own_kafka: KafkaBroker, unique: Unique, variables: dict[str, str]
) -> None:
    tenant = unique("frozen")
    own_kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(own_kafka.bootstrap, **variables) as adapter:
        device = Device(tenant, f"telemetry/{tenant}/d")
        await device.connect(adapter.port)
        await device.publish(0)
        await device.all_acked()
        own_kafka.pause()
        await device.series(range(1, 21))
        await device.all_acked(10)
        assert len(device.acked) == 21
        own_kafka.resume()
        await device.close()
        adapter.assert_balanced()


async def test_retries_go_on_until_the_delivery_timeout(own_kafka: KafkaBroker, unique: Unique) -> None:
    tenant = unique("timeout")
    topic = own_kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(own_kafka.bootstrap, KAFKA__DELIVERY_TIMEOUT_MS="6000") as adapter:
        shorter = await frozen_in_the_middle(own_kafka, adapter, tenant, seconds=2)
        assert judge(shorter, read_all(own_kafka.bootstrap, topic)).good
        assert [len(device.acked) for device in shorter] == [200] * 10

        old, new = fleet(tenant + "x", 2)
        for device in (old, new):
            device.topic = f"telemetry/{tenant}/{device.name}"
            await device.connect(adapter.port)
        own_kafka.pause()
        for device in (old, new):
            await device.publish(1)
            await device.publish(2, qos=0)
        for device in (old, new):
            await device.until_closed()
            assert device.acked == []
        assert (old.disconnect_code, new.disconnect_code) == (None, 0x89)
        given_up = adapter.metric("adapter_messages_unknown_total") + adapter.metric("adapter_messages_dropped_total")
        assert given_up == 4
        adapter.assert_balanced()
        own_kafka.resume()
        for device in (old, new):
            await device.close()
        await asyncio.to_thread(adapter.wait_ready)


async def test_one_producer_serves_both_semantics(own_kafka: KafkaBroker, tmp_path: Path) -> None:
    for topic in ("safe", "fast"):
        own_kafka.create_topic(topic)
    routes = tmp_path / "routes.toml"
    routes.write_text(
        '[[route]]\nmqtt = "safe/{device}"\nkafka_topic = "safe"\nkey = "{device}"\n'
        '[[route]]\nmqtt = "fast/{device}"\nkafka_topic = "fast"\nkey = "{device}"\ndelivery = "at_most_once"\n'
    )
    with Adapter(own_kafka.bootstrap, ROUTES_FILE=str(routes)) as adapter:
        safe, fast = Device("s", "safe/d"), Device("f", "fast/d")
        for device in (safe, fast):
            await device.connect(adapter.port)
            await device.publish(0)
            await device.all_acked()
        own_kafka.pause()
        for device in (safe, fast):
            await device.publish(1)
        await fast.all_acked(10)
        assert (len(safe.acked), len(fast.acked)) == (1, 2)
        own_kafka.resume()
        await safe.all_acked()
        for device, topic in ((safe, "safe"), (fast, "fast")):
            records = read_all(own_kafka.bootstrap, topic, 2)
            assert [record.value for record in records] == [payload for _, payload in device.sent]
            await device.close()
        adapter.assert_balanced()
        assert adapter.stop() == 0


async def test_all_messages_of_a_device_are_in_one_partition(kafka: KafkaBroker, unique: Unique) -> None:
    tenant = unique("key")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 8)
    with Adapter(kafka.bootstrap) as adapter:
        devices = fleet(tenant, 12)
        for device in devices:
            await device.connect(adapter.port)
        await asyncio.gather(*(device.series(range(40), qos=(0, 1)) for device in devices))
        for device in devices:
            await device.all_acked()
            await device.close()
        records = read_all(kafka.bootstrap, topic, 480)
        assert len(records) == 480
        places = {(record.key, record.partition) for record in records}
        assert len(places) == 12
        assert len({partition for _, partition in places}) > 1
        assert adapter.stop() == 0
