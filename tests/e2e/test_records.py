"""The record contract, on bytes read back from a real Kafka: key, headers, value, timestamp and partition."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.kafka_dist import ROOT
from tests.support.packets import connect, publish
from tests.support.records import Record, read_all
from tests.support.wire import Wire, puback_code, text_property

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kafka_broker import KafkaBroker

TELEMETRY = "hono.telemetry.records"
EVENT = "hono.event.records"
PLAIN = "application/octet-stream"
LARGEST_PACKET = 262_144  # the default of ADAPTER_MQTT__MAX_PACKET_SIZE
BIG = b"\x00\xff" * 100_000

ROUTES = """
[[route]]
name = "plant"
mqtt = "plant/{site}/+/{device}/#"
kafka_topic = "plant.{site}"
key = "{site}/{device}"
headers = { site = "{site}", "mqtt-topic" = "{topic}", client = "{client_id}", fixed = "always" }
content_type = "application/json"

[[route]]
mqtt = "vibration/{device}"
kafka_topic = "vibration"
key = "{device}"
delivery = "at_most_once"

[[route]]
mqtt = "notes/#"
kafka_topic = "notes"
key = "{topic}"
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A PUBLISH, and the record that it makes; `headers` without `creation-time` and `orig_adapter`, which all have."""

    name: str
    topic: str
    kafka_topic: str
    key: str
    headers: tuple[tuple[str, str], ...]
    qos: int = 1
    retain: bool = False
    payload: bytes = b"payload"
    properties: bytes | None = None


def hono(
    device: str, topic: str, *more: tuple[str, str], content_type: str = PLAIN, qos: int = 1
) -> tuple[tuple[str, str], ...]:
    """The headers of a record of Hono's, in their order; `more` stands behind them."""
    return (("content-type", content_type), ("device_id", device), ("orig_address", topic), ("qos", str(qos)), *more)


def telemetry(name: str, topic: str, device: str, *more: tuple[str, str], **given: object) -> Case:
    content_type = str(given.pop("content_type", PLAIN))
    qos = int(str(given.get("qos", 1)))
    headers = hono(device, topic, *more, content_type=content_type, qos=qos)
    return Case(name, topic, TELEMETRY, device, headers, **given)  # type: ignore[arg-type] # the rest are Case's own


def event(name: str, topic: str, device: str, *more: tuple[str, str], **given: object) -> Case:
    content_type = str(given.pop("content_type", PLAIN))
    headers = hono(device, topic, *more, content_type=content_type)
    return Case(name, topic, EVENT, device, headers, **given)  # type: ignore[arg-type] # the rest are Case's own


CASES = [
    telemetry("telemetry", "telemetry/records/a1", "a1"),
    telemetry("telemetry in short", "t/records/a2", "a2"),
    telemetry("telemetry with QoS 0", "telemetry/records/a3", "a3", qos=0),
    telemetry("any bytes", "telemetry/records/a4", "a4", payload=bytes(range(256))),
    telemetry("a large payload", "telemetry/records/a5", "a5", payload=BIG),
    telemetry("a device beyond ASCII", "telemetry/records/müller-🌡", "müller-🌡"),
    telemetry("retain", "telemetry/records/a6", "a6", ("x-opt-retain", "true"), retain=True),
    telemetry("a property bag", "t/records/b1/?content-type=text%2Fplain", "b1", content_type="text/plain"),
    telemetry("names in any case", "t/records/b2/?Content-Type=a%2Fb&x=y", "b2", content_type="a/b"),
    telemetry("telemetry has no ttl", "t/records/b3/?hono-ttl=9", "b3"),
    telemetry("an empty bag", "t/records/b4/?", "b4"),
    telemetry("no payload", "t/records/b5/?content-type=x%2Fy", "b5", content_type="x/y", payload=b""),
    event("event", "event/records/c1", "c1"),
    event("event in short", "e/records/c2", "c2"),
    event("ttl in milliseconds", "event/records/c3/?hono-ttl=90", "c3", ("ttl", "90000")),
    event("a ttl that is none", "e/records/c5/?hono-ttl=soon", "c5"),
    event("ttl and retain", "e/records/c4/?hono-ttl=1", "c4", ("ttl", "1000"), ("x-opt-retain", "true"), retain=True),
    telemetry(
        "properties of 5.0",
        "t/records/d1",
        "d1",
        ("ttl", "7000"),
        ("correlation-id", "\x00\x01"),
        ("response-topic", "answer/here"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("a", "1"),
        ("a", "2"),
        content_type="text/html",
        properties=text_property(0x03, "text/html")
        + b"\x02\x00\x00\x00\x07"
        + text_property(0x09, b"\x00\x01")
        + text_property(0x08, "answer/here")
        + text_property(0x26, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        + text_property(0x26, "a", "1")
        + text_property(0x26, "a", "2"),
    ),
    telemetry(
        "a user property cannot pass for the adapter's own header",
        "t/records/d2",
        "d2",
        ("mine", "yes"),
        properties=text_property(0x26, "device_id", "other")
        + text_property(0x26, "mine", "yes")
        + text_property(0x26, "via", "gateway")
        + text_property(0x26, "qos", "2"),
    ),
    telemetry(
        "the content type of 5.0 goes before that of the bag",
        "t/records/d3/?content-type=from%2Fbag",
        "d3",
        content_type="from/property",
        properties=text_property(0x03, "from/property"),
    ),
    event(
        "the expiry of 5.0 goes before that of the bag",
        "e/records/d4/?hono-ttl=5",
        "d4",
        ("ttl", "8000"),
        properties=b"\x02\x00\x00\x00\x08",
    ),
    telemetry(
        "no payload, but a content type of 5.0",
        "t/records/d5",
        "d5",
        content_type="x/y",
        payload=b"",
        properties=text_property(0x03, "x/y"),
    ),
    Case(
        "a route with captures",
        "plant/berlin/line1/press7/temperature/now",
        "plant.berlin",
        "berlin/press7",
        hono(
            "press7",
            "plant/berlin/line1/press7/temperature/now",
            ("site", "berlin"),
            ("mqtt-topic", "plant/berlin/line1/press7/temperature/now"),
            ("client", "c1"),
            ("fixed", "always"),
            content_type="application/json",
        ),
    ),
    Case(
        "# takes the level above it",
        "plant/berlin/line1/press8",
        "plant.berlin",
        "berlin/press8",
        hono(
            "press8",
            "plant/berlin/line1/press8",
            ("x-opt-retain", "true"),
            ("site", "berlin"),
            ("mqtt-topic", "plant/berlin/line1/press8"),
            ("client", "c1"),
            ("fixed", "always"),
            ("colour", "red"),
            content_type="text/csv",
        ),
        retain=True,
        properties=text_property(0x03, "text/csv")
        + text_property(0x26, "site", "elsewhere")
        + text_property(0x26, "colour", "red"),
    ),
    Case("a route of at most once", "vibration/m1", "vibration", "m1", hono("m1", "vibration/m1")),
    Case(
        "a route without a device, no payload, no property bag",
        "notes/today/?content-type=x",
        "notes",
        "notes/today/?content-type=x",
        (("content-type", PLAIN), ("orig_address", "notes/today/?content-type=x"), ("qos", "1")),
        payload=b"",
    ),
]


@pytest.fixture(scope="module")
def adapter(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    """One with a routes file."""
    for topic in (TELEMETRY, EVENT, "plant.berlin", "vibration", "notes"):
        kafka.create_topic(topic)
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(ROUTES, encoding="utf-8")
    with Adapter(kafka.bootstrap, ROUTES_FILE=str(routes)) as running:
        yield running
        running.assert_balanced()
        assert running.stop() == 0


def record_of(kafka: KafkaBroker, case: Case) -> Record:
    """The one record with the key of the case."""
    deadline = time.monotonic() + 20
    while True:
        found = [one for one in read_all(kafka.bootstrap, case.kafka_topic) if one.key == case.key.encode()]
        if found or time.monotonic() > deadline:
            [record] = found
            return record


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_record_of_a_publish(adapter: Adapter, kafka: KafkaBroker, case: Case) -> None:
    level = 4 if case.properties is None else 5
    before = int(time.time() * 1000)
    with Wire(adapter.port) as wire:
        wire.send(connect(level=level))
        assert wire.receive()[0] == 0x20
        packet = publish(
            case.topic, case.payload, qos=case.qos, level=level, properties=case.properties or b"", retain=case.retain
        )
        wire.send(packet)
        if case.qos:
            assert wire.receive() == b"\x40\x02\x00\x01"
        record = record_of(kafka, case)
    after = int(time.time() * 1000)
    names = [name for name, _ in record.headers]
    headers = dict(record.headers)
    assert record.value == case.payload
    assert before <= record.timestamp <= after
    assert names[0] == "creation-time"
    assert headers["creation-time"] == str(record.timestamp).encode()
    assert headers["orig_adapter"] == b"hono-mqtt"
    assert names.index("orig_adapter") == names.index("orig_address") - 1
    rest = [(name, value) for name, value in record.headers if name not in {"creation-time", "orig_adapter"}]
    assert rest == [(name, value.encode()) for name, value in case.headers]
    adapter.assert_balanced()


def test_a_packet_of_the_largest_size_is_a_record_although_its_key_and_headers_come_on_top(
    adapter: Adapter, kafka: KafkaBroker
) -> None:
    payload = b"x" * (LARGEST_PACKET - len(publish("t/records/largest", b"x" * 200_000)) + 200_000)
    with Wire(adapter.port) as wire:
        wire.send(connect() + publish("t/records/largest", payload))
        assert wire.receive()[0] == 0x20
        assert wire.receive() == b"\x40\x02\x00\x01"
    [record] = [one for one in read_all(kafka.bootstrap, TELEMETRY) if one.key == b"largest"]
    assert record.value == payload


REFUSED = [
    ("telemetry", b"x", 0x90),  # nobody says whose it is
    ("telemetry/records", b"x", 0x90),
    ("telemetry/records/a/b", b"x", 0x90),
    ("telemetry/records/", b"x", 0x90),
    ("nothing/of/this", b"x", 0x90),
    ("t/records/e1/?content-type=%zz", b"x", 0x90),
    ("t/rec ords/e3", b"x", 0x90),  # no Kafka topic can be named so
    ("t/records/e4", b"", 0x99),
    ("t/nosuchtenant/e5", b"x", 0x83),
    ("plant/b%/line/press", b"x", 0x90),
    ("plant/nowhere/line/press", b"x", 0x83),
]


@pytest.mark.parametrize(("topic", "payload", "code"), REFUSED, ids=[topic for topic, _, _ in REFUSED])
def test_what_cannot_be_a_record_is_refused_with_a_code_and_a_reason_and_creates_no_topic(
    adapter: Adapter, kafka: KafkaBroker, topic: str, payload: bytes, code: int
) -> None:
    topics = kafka.topics()
    with Wire(adapter.port) as wire:
        wire.send(connect(level=5) + publish(topic, payload, level=5))
        assert wire.receive()[0] == 0x20
        puback = wire.receive()
    assert puback_code(puback) == code
    assert puback[6] == 0x1F  # Reason String
    assert kafka.topics() == topics
    adapter.assert_balanced()


@pytest.mark.parametrize("qos", [0, 1])
def test_an_event_with_qos_0_is_dropped_and_counted(adapter: Adapter, kafka: KafkaBroker, qos: int) -> None:
    def dropped() -> float:
        return adapter.metric("adapter_messages_dropped_total", qos="0", reason="event_qos_0")

    before = dropped()
    device = f"dropped{qos}"
    with Wire(adapter.port) as wire:
        wire.send(connect() + publish(f"event/records/{device}", qos=qos) + publish(f"event/records/{device}-end"))
        assert wire.receive()[0] == 0x20
        while (packet := wire.receive()) and packet != b"\x40\x02\x00\x01":
            pass
        if qos:
            assert wire.receive() == b"\x40\x02\x00\x01"
    keys = [record.key for record in read_all(kafka.bootstrap, EVENT)]
    assert keys.count(device.encode()) == qos
    assert dropped() - before == 1 - qos


def test_keys_are_in_the_partition_that_the_java_client_chooses(adapter: Adapter, kafka: KafkaBroker) -> None:
    vectors = json.loads((ROOT / "tests/unit/kafka/vectors/partitions.json").read_text())
    place = vectors["counts"].index(4)
    expected = {bytes.fromhex(key): chosen[place] for key, chosen in vectors["keys"]}
    devices = [key for key in expected if key and key.isascii() and key.decode().isprintable() and b"/" not in key]
    devices = [key for key in devices if b"+" not in key and b"#" not in key]
    assert len(devices) > 20
    with Wire(adapter.port) as wire:
        wire.send(
            connect()
            + b"".join(
                publish(b"t/records/" + device, b"partition", packet_id=number)
                for number, device in enumerate(devices, 1)
            )
        )
        assert wire.receive()[0] == 0x20
        for number in range(1, len(devices) + 1):
            assert wire.receive() == b"\x40\x02" + number.to_bytes(2, "big")
    found = {
        record.key: record.partition for record in read_all(kafka.bootstrap, TELEMETRY) if record.value == b"partition"
    }
    assert found == {device: expected[device] for device in devices}
