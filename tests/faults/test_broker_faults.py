"""Kafka slow or away for less than the delivery timeout: nothing lost, nothing reordered, nobody thrown out."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.kafka_broker import KafkaBroker

TENANT = "faults"
TOPIC = f"hono.telemetry.{TENANT}"
FREEZE_SECONDS = 6


@asynccontextmanager
async def load(adapter: Adapter, count: int = 20) -> AsyncIterator[tuple[list[Device], asyncio.Event]]:
    """Devices of both versions that publish until the event is set."""
    devices = [
        Device(f"d{number}", f"telemetry/{TENANT}/d{number}", level=4 + number % 2, window=20)
        for number in range(count)
    ]
    for device in devices:
        await device.connect(adapter.port)
    enough = asyncio.Event()

    async def publish(device: Device) -> None:
        number = 0
        while not enough.is_set():
            await device.publish(number, qos=1 if number % 5 else 0)
            number += 1
            await asyncio.sleep(0.005)

    running = [asyncio.create_task(publish(device)) for device in devices]
    try:
        yield devices, enough
        await asyncio.gather(*running)
        for device in devices:
            await device.all_acked(120)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for device in devices:
            await device.close()


async def freeze(kafka: KafkaBroker) -> None:
    kafka.pause()
    await asyncio.sleep(FREEZE_SECONDS)
    kafka.resume()


async def kill_and_restart(kafka: KafkaBroker) -> None:
    kafka.kill()
    await asyncio.sleep(1)
    await asyncio.to_thread(kafka.start)


async def restart(kafka: KafkaBroker) -> None:
    await asyncio.to_thread(kafka.stop)
    await asyncio.to_thread(kafka.start)


@pytest.mark.parametrize("fault", [freeze, kill_and_restart, restart])
async def test_an_outage_shorter_than_the_delivery_timeout_costs_nothing(
    own_kafka: KafkaBroker, fault: Callable[[KafkaBroker], asyncio.Future[None]]
) -> None:
    own_kafka.create_topic(TOPIC)
    with Adapter(own_kafka.bootstrap) as adapter:
        async with load(adapter) as (devices, enough):
            await asyncio.sleep(1)
            before = sum(len(device.acked) for device in devices)
            await fault(own_kafka)
            deadline = time.monotonic() + 60
            while sum(len(device.acked) for device in devices) < before + 1000 and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            enough.set()
        assert not any(device.closed and device.disconnect_code is not None for device in devices)
        assert adapter.metric("adapter_connections_closed_total", cause="delivery_timeout") == 0
        assert adapter.metric("adapter_connections_closed_total", cause="connection_lost") == 0
        records = read_all(own_kafka.bootstrap, TOPIC)
        verdict = judge(devices, records)
        assert verdict.good
        sent = sum(len(device.sent) for device in devices)
        acked = sum(len(device.acked) for device in devices)
        assert acked > before + 500, "publishes went on after the fault"
        assert acked == sum(qos for device in devices for qos, _ in device.sent)
        assert len(records) >= sent, "QoS 0 within the budget is kept as well"
        adapter.wait_ready()
        adapter.assert_balanced()
        assert adapter.stop() == 0


async def test_the_adapter_says_that_kafka_is_away_and_that_it_is_back(own_kafka: KafkaBroker) -> None:
    own_kafka.create_topic(TOPIC)
    with Adapter(own_kafka.bootstrap) as adapter:
        own_kafka.kill()
        await asyncio.to_thread(adapter.wait_ready, ready=False)
        [reason] = adapter.readiness()[1]
        assert reason.startswith("kafka")
        assert adapter.get("/livez")[0] == 200
        await asyncio.to_thread(own_kafka.start)
        await asyncio.to_thread(adapter.wait_ready)


async def test_a_frozen_kafka_fills_windows_not_memory_and_pings_are_answered(own_kafka: KafkaBroker) -> None:
    own_kafka.create_topic(TOPIC)
    small = {"MAX_PENDING_BYTES": "400000", "KAFKA__MAX_BATCH_SIZE": "100000", "MQTT__MAX_PACKET_SIZE": "50000"}
    with Adapter(own_kafka.bootstrap, **small) as adapter:
        flooder = Device("flooder", f"telemetry/{TENANT}/flooder", window=1000)
        quiet = Device("quiet", f"telemetry/{TENANT}/quiet")
        for device in (flooder, quiet):
            await device.connect(adapter.port)
        own_kafka.pause()
        flood = asyncio.create_task(flooder_publishes(flooder))
        deadline = time.monotonic() + 20
        while adapter.metric("adapter_connections_paused") < 1:
            assert time.monotonic() < deadline, "the flooder is still read"
            await asyncio.sleep(0.05)
        assert adapter.metric("adapter_pending_bytes") <= 400_000 * 1.25
        await quiet.publish(1)
        await quiet.ping()
        own_kafka.resume()
        await flood
        await flooder.all_acked()
        await quiet.all_acked()
        assert judge([flooder, quiet], read_all(own_kafka.bootstrap, TOPIC)).good
        assert (len(flooder.acked), len(quiet.acked)) == (800, 1)
        for device in (flooder, quiet):
            await device.close()
        adapter.assert_balanced()


async def flooder_publishes(device: Device) -> None:
    for number in range(800):
        await device.publish(number, size=2000)
