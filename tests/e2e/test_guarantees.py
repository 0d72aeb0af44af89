"""The promises, on a real Kafka: acknowledged means written, order per device, PUBACKs in turn, the ledger balances."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import end_offsets, read_all

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]


@pytest.fixture(scope="module")
def adapter(kafka: KafkaBroker) -> Iterator[Adapter]:
    with Adapter(kafka.bootstrap) as running:
        yield running
        running.assert_balanced()
        assert running.metric("adapter_messages_pending") == 0
        assert running.stop() == 0


def fleet(tenant: str, count: int, **fields: int) -> list[Device]:
    """Devices of both versions in turn."""
    return [
        Device(f"{tenant}-d{number}", f"telemetry/{tenant}/d{number}", level=4 + number % 2, **fields)
        for number in range(count)
    ]


async def test_no_puback_comes_before_its_record_is_readable(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("readable")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    device = Device(tenant, f"telemetry/{tenant}/d")
    await device.connect(adapter.port)
    for number in range(30):
        await device.publish(number)
        await device.all_acked()
        assert end_offsets(kafka.bootstrap, topic)[0] == number + 1
    await device.close()


async def test_many_pipelining_devices_keep_their_order_and_get_their_pubacks_in_turn(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("order")
    topics = [kafka.create_topic(f"hono.{api}.{tenant}") for api in ("telemetry", "event")]
    devices = fleet(tenant, 50, window=100)
    for device in devices:
        await device.connect(adapter.port)
    numbers = range(400)
    await asyncio.gather(
        *(
            device.series(numbers, topics=(device.topic, device.topic, device.topic.replace("telemetry", "event")))
            for device in devices
        )
    )
    for device in devices:
        await device.all_acked()
        await device.close()
    records = [record for topic in topics for record in read_all(kafka.bootstrap, topic)]
    assert len(records) == 50 * 400
    verdict = judge(devices, records)
    assert verdict.good
    assert verdict.duplicates == 0
    assert [len(device.acked) for device in devices] == [400] * 50


async def test_qos_0_and_1_of_a_device_are_in_order_together(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("mixed")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    devices = fleet(tenant, 20)
    for device in devices:
        await device.connect(adapter.port)
    await asyncio.gather(*(device.series(range(300), qos=(0, 1, 0, 0, 1)) for device in devices))
    for device in devices:
        await device.all_acked()
    records = read_all(kafka.bootstrap, topic, 20 * 300)
    assert len(records) == 20 * 300
    assert judge(devices, records).good
    for device in devices:
        await device.close()


async def test_a_missing_topic_is_refused_not_created_and_noticed_without_restart(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("missing")
    device = Device(tenant, f"telemetry/{tenant}/d", level=5)
    await device.connect(adapter.port)
    await device.publish(1)
    await device.all_acked()
    assert device.refused == [(f"{tenant}:1".encode(), 0x83)]
    assert f"hono.telemetry.{tenant}" not in kafka.topics()
    assert any("missing" in str(line["event"]) for line in adapter.log_lines())
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    await device.publish(2)
    await device.all_acked()
    assert device.acked == [f"{tenant}:2".encode()]
    assert len(read_all(kafka.bootstrap, topic)) == 1
    await device.close()


async def test_a_key_moves_to_its_new_partition_only_after_its_old_records_have_arrived(
    kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("growth")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 2)
    with Adapter(kafka.bootstrap, KAFKA__TOPIC_REFRESH_INTERVAL="1") as adapter:
        devices = fleet(tenant, 10, window=20)
        for device in devices:
            await device.connect(adapter.port)

        async def go_on(device: Device) -> None:
            number = 0
            while time.monotonic() < until:
                await device.publish(number)
                number += 1
                await asyncio.sleep(0.002)
            await device.all_acked()

        until = time.monotonic() + 5
        running = asyncio.gather(*(go_on(device) for device in devices))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(kafka.add_partitions, topic, 6)
        await running
        records = read_all(kafka.bootstrap, topic)
        assert len({record.partition for record in records}) > 2, "nothing has moved"
        by_time = sorted(records, key=lambda record: (record.timestamp, record.partition, record.offset))
        assert judge(devices, records).good
        for device in devices:
            own = {payload for _, payload in device.sent}
            places = [record.partition for record in by_time if record.value in own]
            moves = sum(before != after for before, after in itertools.pairwise(places))
            assert moves <= 1, "records of a device went back and forth"
            await device.close()
        adapter.assert_balanced()
        assert adapter.stop() == 0


async def test_the_new_connection_of_a_client_identifier_takes_over(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("takeover")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    old = Device("same", f"telemetry/{tenant}/d", level=5)
    await old.connect(adapter.port)
    new = Device("same", f"telemetry/{tenant}/d")
    await new.connect(adapter.port)
    await old.until_closed()
    assert old.disconnect_code == 0x8E
    await new.publish(1)
    await new.all_acked()
    assert len(new.acked) == 1
    await old.close()
    await new.close()


async def test_a_malformed_packet_ends_its_own_connection_only(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("malformed")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    bad, good = fleet(tenant, 2)
    for device in (bad, good):
        await device.connect(adapter.port)
    bad._writer.write(b"\x36\x05\x00\x01t\x00\x01")
    await bad.until_closed()
    await good.publish(1)
    await good.all_acked()
    assert len(good.acked) == 1
    await bad.close()
    await good.close()
