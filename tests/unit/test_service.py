"""Starting can be interrupted at each step; stopping tells what Kafka does not have."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from adapter.delivery.budget import Budget
from adapter.delivery.pipeline import Pipeline, PipelineConfig
from adapter.model import ACKNOWLEDGED
from adapter.service import Service
from adapter.settings import Settings, load_settings
from tests.support.fakes import FakeKafka, FakeOwner, make_run

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYTHING_OFF = {"ADAPTER_MQTT__PORT": "0", "ADAPTER_HTTP__PORT": "", "ADAPTER_AUTH__REQUIRED": "false"}


class NoWills:
    """No Will is due."""

    def when_none_is_due(self, callback: Callable[[], None]) -> None:
        callback()

    def give_up(self) -> None:
        pass


def with_pipeline(kafka: FakeKafka) -> tuple[Service, Pipeline]:
    """A service that has nothing but its pipeline."""
    service = Service(Settings())
    pipeline = Pipeline(
        PipelineConfig(100_000, 60.0), kafka, asyncio.get_running_loop(), Budget(10**6), service._ledger
    )
    frontend: Any = SimpleNamespace(wills=NoWills(), stop_reading=lambda: None)
    service._pipeline, service._frontend = pipeline, frontend
    return service, pipeline


async def test_it_can_be_told_to_stop_while_it_waits_for_a_silent_broker() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        service = Service(load_settings(EVERYTHING_OFF | {"ADAPTER_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}))
        stopping = asyncio.Event()
        starting = asyncio.create_task(service.start(stopping))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        stopping.set()
        await starting
        drained = await service.stop()
    assert time.monotonic() - began < 1
    assert drained.complete
    assert service.mqtt_port is None


async def test_it_can_be_told_to_stop_while_it_looks_for_the_dead_letter_topic() -> None:
    settings = EVERYTHING_OFF | {
        "ADAPTER_KAFKA__BOOTSTRAP_SERVERS": "embedded",
        "ADAPTER_KAFKA__DEAD_LETTER_TOPIC": "letters",
    }
    service = Service(load_settings(settings))
    stopping = asyncio.Event()
    starting = asyncio.create_task(service.start(stopping))
    while service._producer is None or not service._producer.ready:
        await asyncio.sleep(0)
    stopping.set()
    async with asyncio.timeout(3):
        await starting
        await service.stop()


async def test_what_keeps_it_from_starting_is_raised() -> None:
    class Taken(Service):
        async def _start(self) -> None:
            raise OSError("the address is taken")

    service = Taken(Settings())
    with pytest.raises(OSError, match="the address is taken"):
        await service.start(asyncio.Event())
    assert (await service.stop()).complete


async def test_a_message_that_expires_while_it_stops_is_not_missing() -> None:
    kafka = FakeKafka()
    service, pipeline = with_pipeline(kafka)
    now = asyncio.get_running_loop().time()
    owner, lane = FakeOwner(), pipeline.lane("plant", 0)
    owner.publish(lane, b"first", arrived=now)
    await asyncio.sleep(0)
    run = make_run(lane, owner, b"short-lived", arrived=now)
    run.route.expiry = 0.05
    pipeline.expiring_lane("plant", 0).put(run)
    asyncio.get_running_loop().call_later(0.2, kafka.answer)
    drained = await service.stop()
    assert run.outcome is ACKNOWLEDGED
    assert drained.complete


async def test_in_a_hurry_it_does_not_wait_for_kafka() -> None:
    service, pipeline = with_pipeline(FakeKafka())
    FakeOwner().publish(pipeline.lane("plant", 0), b"1")
    asyncio.get_running_loop().call_later(0.1, service.hurry)
    async with asyncio.timeout(2):
        drained = await service.stop()
    assert (drained.unknown, drained.dropped) == (1, 0)
