"""Wills on a real Kafka, of devices that really die."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.packets import DISCONNECT, connect, last_will, puback, publish
from tests.support.records import Record, read_all
from tests.support.until import until
from tests.support.wire import Wire

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]

HOUR = b"\x11\x00\x00\x0e\x10"  # Session Expiry Interval
COUNT = 20
PAHO = """
import sys, time
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
port, version, topic = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = Client(CallbackAPIVersion.VERSION2, "paho", protocol=MQTTProtocolVersion(version))
client.will_set(topic, b"gone", qos=2, retain=True)
client.connect("127.0.0.1", port)
client.loop_start()
for number in range(20):
    client.publish(topic, b"%d" % number, qos=1).wait_for_publish(10)
print("published", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def adapter(kafka: KafkaBroker) -> Iterator[Adapter]:
    """One for all tests of this file that leave it running."""
    with Adapter(kafka.bootstrap) as adapter:
        yield adapter
        adapter.assert_balanced()


def read(kafka: KafkaBroker, tenant: str) -> list[tuple[bytes | None, str | None]]:
    """What the records of a tenant hold, and what they say of the end of their device."""
    return [(one.value, told(one)) for one in read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")]


def told(record: Record) -> str | None:
    value = dict(record.headers).get("mqtt-will")
    return None if value is None else value.decode()


def sensor(
    adapter: Adapter, tenant: str, level: int, *, properties: bytes = b"", delay: bytes = b"", **how: int
) -> Wire:
    """A device that is connected and has left a Will; its topic is `telemetry/{tenant}/d`."""
    wire = Wire(adapter.port)
    will = last_will(f"telemetry/{tenant}/d", b"gone", level=level, properties=delay)
    wire.send(connect(tenant, level=level, will=will, properties=properties, **how))
    connack = wire.receive()
    assert (connack[0], connack[3]) == (0x20, 0)
    return wire


def send(wire: Wire, tenant: str, level: int, payload: bytes, packet_id: int = 1) -> None:
    """Publish, and wait for the PUBACK."""
    wire.send(publish(f"telemetry/{tenant}/d", payload, packet_id=packet_id, level=level))
    assert wire.receive() == puback(packet_id)


@pytest.mark.parametrize("level", [4, 5])
async def test_a_device_that_is_killed_leaves_its_will_behind_its_last_publish(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, level: int
) -> None:
    tenant = unique("killed")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", partitions=4)
    command = [sys.executable, "-c", PAHO, str(adapter.port), str(level), f"telemetry/{tenant}/d"]
    device = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220 - it starts at once
    assert device.stdout is not None
    assert await asyncio.to_thread(device.stdout.readline) == b"published\n"
    device.kill()
    await asyncio.to_thread(device.wait)
    device.stdout.close()
    records = await asyncio.to_thread(read_all, kafka.bootstrap, topic, COUNT + 1)
    assert [one.value for one in records] == [*(b"%d" % number for number in range(COUNT)), b"gone"]
    headers = dict(records[-1].headers)
    assert records[-1].key == b"d"
    assert headers["mqtt-will"] == b"connection_lost"
    assert headers["qos"] == b"2"
    assert headers["x-opt-retain"] == b"true"
    assert [told(one) for one in records[:-1]] == [None] * COUNT
    assert adapter.metric("adapter_ledger_difference") == 0


@pytest.mark.parametrize("level", [4, 5])
async def test_a_device_that_says_goodbye_leaves_nothing(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, level: int
) -> None:
    tenant = unique("goodbye")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    with sensor(adapter, tenant, level) as wire:
        send(wire, tenant, level, b"1")
        before = adapter.metric("adapter_wills_published_total")
        wire.send(DISCONNECT)
        assert wire.receive() == b""
    assert adapter.metric("adapter_wills_published_total") == before
    assert read(kafka, tenant) == [(b"1", None)]


async def test_silence_leaves_a_will(adapter: Adapter, kafka: KafkaBroker, unique: Unique) -> None:
    tenant = unique("silent")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    with sensor(adapter, tenant, 4, keep_alive=1):
        await until(lambda: read(kafka, tenant) == [(b"gone", "keep_alive")])


@pytest.mark.parametrize("level", [4, 5])
async def test_a_takeover_leaves_the_will_between_the_two_connections(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, level: int
) -> None:
    tenant = unique("taken")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    with sensor(adapter, tenant, level) as old:
        send(old, tenant, level, b"old")
        with sensor(adapter, tenant, level) as new:
            send(new, tenant, level, b"new")
            assert read(kafka, tenant) == [(b"old", None), (b"gone", "taken_over"), (b"new", None)]
            new.send(DISCONNECT)


async def test_a_delay_is_kept_unless_the_device_comes_back(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("delay")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    with sensor(adapter, tenant, 5, properties=HOUR, delay=b"\x18\x00\x00\x00\x02", clean=False) as wire:
        send(wire, tenant, 5, b"1")
    await until(lambda: adapter.metric("adapter_connections") == 0)
    with sensor(adapter, tenant, 5, properties=HOUR, delay=b"\x18\x00\x00\x00\x02", clean=False) as wire:
        send(wire, tenant, 5, b"2")
    await until(lambda: len(read(kafka, tenant)) == 3)
    assert read(kafka, tenant) == [(b"1", None), (b"2", None), (b"gone", "connection_lost")]
    assert adapter.metric("adapter_wills") == 0


async def test_who_may_not_leave_a_will_there_is_told(adapter: Adapter) -> None:
    for level, code in ((4, 5), (5, 0x90)):
        with Wire(adapter.port) as wire:
            wire.send(connect(level=level, will=last_will("nowhere/d", level=level)))
            connack = wire.receive()
            assert (connack[0], connack[3]) == (0x20, code)
            assert wire.receive() == b""


async def test_a_will_for_a_topic_that_is_made_later_is_in_it(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("later")
    with sensor(adapter, tenant, 5):
        kafka.create_topic(f"hono.telemetry.{tenant}")
    await until(lambda: read(kafka, tenant) == [(b"gone", "connection_lost")])


async def test_an_adapter_that_stops_leaves_the_wills_of_those_who_are_there_and_of_those_who_may_come_back(
    kafka: KafkaBroker, unique: Unique
) -> None:
    here, away = unique("here"), unique("away")
    for tenant in (here, away):
        kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(kafka.bootstrap) as adapter:
        with sensor(adapter, away, 5, properties=HOUR, delay=b"\x18\x00\x00\x0e\x10"):
            pass
        with sensor(adapter, here, 4) as wire:
            send(wire, here, 4, b"1")
            assert adapter.metric("adapter_wills") == 2
            adapter.terminate()
            assert await asyncio.to_thread(adapter.process.wait, 30) == 0
            assert wire.receive() == b""
    assert read(kafka, here) == [(b"1", None), (b"gone", "shutdown")]
    assert read(kafka, away) == [(b"gone", "connection_lost")]


@pytest.mark.parametrize(("thawed", "code", "wills"), [(True, 0, [(b"gone", "connection_lost")]), (False, 3, [])])
async def test_a_stop_waits_for_kafka_to_say_where_a_will_belongs(
    own_kafka: KafkaBroker, *, thawed: bool, code: int, wills: list[tuple[bytes, str]]
) -> None:
    own_kafka.create_topic("hono.telemetry.cold")
    with Adapter(own_kafka.bootstrap, DRAIN_TIMEOUT="20" if thawed else "1") as adapter:
        with sensor(adapter, "cold", 4):
            own_kafka.pause()
        await until(lambda: adapter.metric("adapter_wills_published_total", cause="connection_lost") == 1)
        adapter.terminate()
        await asyncio.sleep(0.5)  # to let it come as far as it can
        if thawed:
            own_kafka.resume()
        assert await asyncio.to_thread(adapter.process.wait, 40) == code
        own_kafka.resume()
        told = [line for line in adapter.log_lines() if line["event"] == "will lost"]
        assert [line["reason"] for line in told] == ([] if thawed else ["shutdown"])
    assert read(own_kafka, "cold") == wills
