"""An application of Eclipse Hono consumes our records with Hono's own client, unchanged."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.adapter import Adapter
from tests.support.maven import jars
from tests.support.packets import connect, publish
from tests.support.wire import Wire, text_property

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

HONO = Path(__file__).with_name("hono")
SECONDS = 90


def consume(bootstrap: str, tenant: str, count: int) -> dict[str, dict[str, Any]]:
    """What Hono's client makes of a tenant's first `count` messages, by payload."""
    classpath = f"{jars(HONO / 'pom.xml')}/*"
    done = subprocess.run(
        ["java", "-cp", classpath, str(HONO / "Consumer.java"), bootstrap, tenant, str(count)],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {message["payload"]: message for message in messages}


def test_honos_client_understands_every_part_of_our_records(kafka: KafkaBroker) -> None:
    for endpoint in ("telemetry", "event"):
        kafka.create_topic(f"hono.{endpoint}.garden", partitions=2)
    of_5_0 = text_property(0x03, "text/html") + text_property(0x09, b"c-1") + text_property(0x26, "colour", "red")
    before = time.time() * 1000
    with Adapter(kafka.bootstrap) as adapter:
        for level, packets in (
            (
                4,
                (
                    publish("telemetry/garden/müller", b"plain", qos=0),
                    publish("e/garden/pump/?content-type=text%2Fplain&hono-ttl=60", b"event", retain=True),
                    publish("t/garden/pump/?content-type=application%2Fvnd.nothing", b"", packet_id=2),
                ),
            ),
            (5, (publish("telemetry/garden/lamp", b"new", level=5, properties=of_5_0),)),
        ):
            with Wire(adapter.port) as device:
                device.send(connect(level=level))
                assert device.receive()[3] == 0
                device.send(b"".join(packets))
                for packet in packets:
                    if packet[0] & 6:
                        assert device.receive()[0] == 0x40
    after = time.time() * 1000
    messages = consume(kafka.bootstrap, "garden", 4)
    times = [message.pop("creation_time") for message in messages.values()]
    assert all(before - 1 <= moment <= after + 1 for moment in times)
    properties = {payload: message.pop("properties") for payload, message in messages.items()}
    assert properties["new"]["colour"] == "red"

    def expected(device: str, payload: str | None, address: str, **more: object) -> dict[str, object]:
        return {
            "endpoint": "telemetry",
            "tenant": "garden",
            "device": device,
            "payload": payload,
            "orig_address": address,
            "orig_adapter": "hono-mqtt",
            "content_type": "application/octet-stream",
            "qos": "AT_LEAST_ONCE",
            "ttl_seconds": None,
            "correlation_id": None,
            "retain": None,
            **more,
        }

    bag = "t/garden/pump/?content-type=application%2Fvnd.nothing"
    assert messages == {
        "plain": expected("müller", "plain", "telemetry/garden/müller", qos="AT_MOST_ONCE"),
        "event": expected(
            "pump",
            "event",
            "e/garden/pump/?content-type=text%2Fplain&hono-ttl=60",
            endpoint="event",
            content_type="text/plain",
            ttl_seconds=60,
            retain=True,
        ),
        "": expected("pump", "", bag, content_type="application/vnd.nothing"),
        "new": expected("lamp", "new", "telemetry/garden/lamp", content_type="text/html", correlation_id="c-1"),
    }
