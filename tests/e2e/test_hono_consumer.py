"""An application of Eclipse Hono consumes our records with Hono's own client, unchanged."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.adapter import Adapter, write_password_file
from tests.support.maven import jars
from tests.support.packets import connect, publish
from tests.support.wire import Wire, text_property

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

HONO = Path(__file__).with_name("hono")
SECONDS = 90
PASSWORD = "secret"  # noqa: S105 - of devices that live as long as a test
PUBREC, PUBREL, PUBCOMP = 0x50, 0x62, 0x70
NOTIFICATION = "application/vnd.eclipse-hono-empty-notification"

Message = dict[str, Any]


def consume(bootstrap: str, tenant: str, count: int) -> dict[bytes, Message]:
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
    return {urlsafe_b64decode(message.pop("payload") + "=="): message for message in messages}


def expected(tenant: str, device: str, address: str, **more: object) -> Message:
    """A message of telemetry with what every one has, and `more`."""
    return {
        "endpoint": "telemetry",
        "tenant": tenant,
        "device": device,
        "kafka_topic": f"hono.{more.get('endpoint', 'telemetry')}.{tenant}",
        "key": device,
        "orig_address": address,
        "orig_adapter": "hono-mqtt",
        "content_type": "application/octet-stream",
        "qos": "AT_LEAST_ONCE",
        "ttl_seconds": None,
        "correlation_id": None,
        "response_topic": None,
        "retain": None,
        "via": None,
        "time_till_disconnect": None,
        "status": None,
        "sender_connected": False,
        **more,
    }


def send(port: int, level: int, packets: tuple[bytes, ...], username: str | None = None) -> None:
    """Publish as a device, and complete every exchange."""
    password = PASSWORD if username else None
    with Wire(port) as device:
        device.send(connect(level=level, username=username, password=password))
        assert device.receive()[3] == 0
        for packet in packets:
            device.send(packet)
            if not packet[0] & 6:
                continue
            answer = device.receive()
            assert answer[0] == (0x40 if packet[0] & 2 else PUBREC)
            assert level == 4 or len(answer) == 4, "no reason code: success"
            if answer[0] == PUBREC:
                device.send(bytes([PUBREL, 2]) + answer[2:4])
                assert device.receive()[0] == PUBCOMP


def test_honos_client_understands_every_part_of_our_records(kafka: KafkaBroker) -> None:
    for endpoint in ("telemetry", "event"):
        kafka.create_topic(f"hono.{endpoint}.garden", partitions=2)
    of_5_0 = (
        text_property(0x03, "text/html")
        + text_property(0x08, "answers/lamp")
        + text_property(0x09, b"c-1")
        + text_property(0x26, "colour", "red")
    )
    bag = "t/garden/pump/?content-type=application%2Fvnd.nothing"
    before = time.time() * 1000
    with Adapter(kafka.bootstrap) as adapter:
        send(
            adapter.port,
            4,
            (
                publish("telemetry/garden/müller", b"plain", qos=0),
                publish("e/garden/pump/?content-type=text%2Fplain&hono-ttl=60", b"event", retain=True),
                publish(bag, b"", packet_id=2),
            ),
        )
        send(adapter.port, 5, (publish("telemetry/garden/lamp", b"new", level=5, properties=of_5_0),))
    after = time.time() * 1000
    messages = consume(kafka.bootstrap, "garden", 4)
    times = [message.pop("creation_time") for message in messages.values()]
    assert all(before - 1 <= moment <= after + 1 for moment in times)
    properties = {payload: message.pop("properties") for payload, message in messages.items()}
    assert properties[b"new"]["colour"] == "red"
    assert messages == {
        b"plain": expected("garden", "müller", "telemetry/garden/müller", qos="AT_MOST_ONCE"),
        b"event": expected(
            "garden",
            "pump",
            "e/garden/pump/?content-type=text%2Fplain&hono-ttl=60",
            endpoint="event",
            content_type="text/plain",
            ttl_seconds=60,
            retain=True,
        ),
        b"": expected("garden", "pump", bag, content_type="application/vnd.nothing"),
        b"new": expected(
            "garden",
            "lamp",
            "telemetry/garden/lamp",
            content_type="text/html",
            correlation_id="c-1",
            response_topic="answers/lamp",
        ),
    }


def test_honos_client_knows_who_an_authenticated_device_is_and_which_gateway_speaks_for_it(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    for endpoint in ("telemetry", "event"):
        kafka.create_topic(f"hono.{endpoint}.orchard", partitions=2)
    plugins = write_password_file(tmp_path, lamp__orchard=PASSWORD, gw__orchard=PASSWORD)
    waiting = text_property(0x26, "ttd", "-1") + text_property(0x26, "status", "503")
    notification = text_property(0x03, NOTIFICATION)
    settings = {"AUTH__REQUIRED": "true", "AUTH__PLUGINS": plugins, "AUTH__GATEWAYS": "gw@orchard"}
    with Adapter(kafka.bootstrap, **settings) as adapter:
        send(
            adapter.port,
            5,
            (
                publish("telemetry", b"alone", qos=2, level=5),
                publish("t//lamp", b"\x00\xff\xfe", packet_id=2, level=5),
                publish("telemetry/orchard/lamp", b"waiting", packet_id=3, level=5, properties=waiting),
                publish("event", b"", packet_id=4, level=5, properties=notification),
            ),
            "lamp@orchard",
        )
        send(adapter.port, 4, (publish("telemetry//pump", b"for another"),), "gw@orchard")
    messages = consume(kafka.bootstrap, "orchard", 5)
    for message in messages.values():
        del message["creation_time"]
    properties = [message.pop("properties") for message in messages.values()]
    assert not [names for names in properties if names.keys() & {"ttd", "status"}]
    assert messages == {
        b"alone": expected("orchard", "lamp", "telemetry"),
        b"\x00\xff\xfe": expected("orchard", "lamp", "t//lamp"),
        b"waiting": expected("orchard", "lamp", "telemetry/orchard/lamp"),
        b"": expected("orchard", "lamp", "event", endpoint="event", content_type=NOTIFICATION),
        b"for another": expected("orchard", "pump", "telemetry//pump", via="gw"),
    }
