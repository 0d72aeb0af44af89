"""Wills on a real Kafka, of devices that really die."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.packets import DISCONNECT, connect, last_will, publish
from tests.support.records import Record, read_all
from tests.support.until import until
from tests.support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]

PAHO = """
import sys, time
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
port, version, topic = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = Client(CallbackAPIVersion.VERSION2, "paho", protocol=MQTTProtocolVersion(version))
client.will_set(topic, b"gone", qos=2)
client.connect("127.0.0.1", port)
client.loop_start()
for number in range(20):
    client.publish(topic, b"%d" % number, qos=1).wait_for_publish(10)
print("published", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def adapter(kafka: KafkaBroker) -> Iterator[Adapter]:
    with Adapter(kafka.bootstrap) as adapter:
        yield adapter


def records(kafka: KafkaBroker, tenant: str, count: int) -> list[Record]:
    """The records of a tenant, when there are that many."""
    found: list[Record] = []

    def complete() -> bool:
        found[:] = read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")
        return len(found) >= count

    until(complete)
    return found


def told(record: Record) -> str | None:
    """What the record says of the end of its device."""
    value = dict(record.headers).get("mqtt-will")
    return None if value is None else value.decode()
