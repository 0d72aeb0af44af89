"""Stopping: what was acknowledged is in Kafka; what could not be delivered is counted, logged, and told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import read_all

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]


async def under_load(adapter: Adapter, tenant: str, end: Callable[[], None]) -> list[Device]:
    """Let devices publish without pause, end the adapter in the middle, and wait until it has closed them all."""
    devices = [
        Device(f"{tenant}{number}", f"telemetry/{tenant}/d{number}", level=4 + number % 2, window=100)
        for number in range(10)
    ]
    for device in devices:
        await device.connect(adapter.port)

    async def publish(device: Device) -> None:
        number = 0
        while not device.closed:
            await device.publish(number)
            number += 1
            if number % 50 == 0:
                await asyncio.sleep(0.001)

    running = [asyncio.create_task(publish(device)) for device in devices]
    while min(len(device.acked) for device in devices) < 100:
        await asyncio.sleep(0.01)
    end()
    for device in devices:
        await device.until_closed()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for device in devices:
        await device.close()
    return devices


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_under_load_flushes_says_goodbye_and_exits_with_0(
    kafka: KafkaBroker, unique: Unique, number: signal.Signals
) -> None:
    tenant = unique("drain")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap) as adapter:
        devices = await under_load(adapter, tenant, lambda: adapter.process.send_signal(number))
        assert adapter.process.wait(30) == 0
    verdict = judge(devices, read_all(kafka.bootstrap, topic))
    assert verdict.good
    assert {device.disconnect_code for device in devices if device.level == 5} == {0x8B}


async def test_after_sigkill_everything_that_was_acknowledged_is_in_kafka(kafka: KafkaBroker, unique: Unique) -> None:
    tenant = unique("kill")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap) as adapter:
        devices = await under_load(adapter, tenant, adapter.process.kill)
        adapter.process.wait(30)
    assert judge(devices, read_all(kafka.bootstrap, topic)).good


async def test_what_kafka_does_not_take_in_time_is_counted_logged_and_ends_with_code_3(
    own_kafka: KafkaBroker,
) -> None:
    own_kafka.create_topic("hono.telemetry.frozen")
    with Adapter(own_kafka.bootstrap, DRAIN_TIMEOUT="1") as adapter:
        device = Device("d", "telemetry/frozen/d", level=5)
        await device.connect(adapter.port)
        await device.publish(1)
        await device.all_acked()
        own_kafka.pause()
        await device.series(range(2, 12))
        while adapter.metric("adapter_messages_pending", qos="1") < 10:
            await asyncio.sleep(0.02)
        adapter.terminate()
        assert await asyncio.to_thread(adapter.process.wait, 30) == 3
        own_kafka.resume()
        await device.until_closed()
        assert device.acked == [b"d:1"]
        assert device.disconnect_code == 0x8B
        [line] = [line for line in adapter.log_lines() if "did not acknowledge" in str(line["event"])]
        assert int(str(line["unknown"])) + int(str(line["dropped"])) == 10
        await device.close()
