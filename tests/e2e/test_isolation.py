"""Tenants and devices are kept apart: whatever a device sends, its records are its own, in its tenant's topics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter, write_password_file
from tests.support.packets import DISCONNECT, PINGREQ, PINGRESP, connect, last_will, publish, text
from tests.support.records import Record, read_all
from tests.support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kafka_broker import KafkaBroker

SECRET = "only for tests"  # noqa: S105 - made up
MINE, THEIRS = "mine", "theirs"
TOPICS = [f"hono.{api}.{tenant}" for api in ("telemetry", "event") for tenant in (MINE, THEIRS)]
NAMES = ("device_id", "tenant_id", "gateway_id", "via", "orig_address", "orig_adapter", "creation-time", "mqtt-will")
AIMED = [
    "telemetry", "telemetry/mine/d1", "telemetry//d1", "event/mine/d1", "t/mine/d1/any/thing",
    "telemetry/theirs/d1", "telemetry/theirs/d2", "event/theirs/d2", "telemetry/mine/d2", "telemetry//d2",
    "telemetry/mine/D1", "telemetry/Mine/d1", "telemetry/mine /d1", "telemetry/mine/d1 ", "telemetry/mine%2Fd2/d1",
    "telemetry/../theirs/d2", "telemetry/mine/../theirs/d2", "telemetry/mine/d1/../../theirs/d2",
    "telemetry/theirs", "hono.telemetry.theirs", "event/hono.event.theirs/d2", "telemetry/mine.theirs/d1",
    "telemetry/\u043cine/d1", "telemetry/mine/d\u0131", "telemetry/\uff4dine/d1", "telemetry/mi\u200bne/d1",
    "telemetry/?device_id=d2&tenant_id=theirs", "telemetry//d2/?device_id=d1", "telemetry/theirs/d2/?content-type=a",
    "telemetry/" + "x" * 300 + "/d1", "/telemetry/theirs/d2", "telemetry/theirs@mine/d1", "telemetry/mine/d1@theirs",
]  # fmt: skip


@pytest.fixture(scope="module")
def topics(kafka: KafkaBroker) -> KafkaBroker:
    for topic in TOPICS:
        kafka.create_topic(topic)
    return kafka


@pytest.fixture(scope="module")
def adapter(topics: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    plugins = write_password_file(
        tmp_path_factory.mktemp("passwords"), d1__mine=SECRET, gw__mine=SECRET, d2__theirs=SECRET
    )
    settings = {"AUTH__REQUIRED": "true", "AUTH__PLUGINS": plugins, "AUTH__GATEWAYS": "gw@mine"}
    with Adapter(topics.bootstrap, **settings) as running:
        yield running
        running.assert_balanced()
        assert running.stop() == 0


def enter(adapter: Adapter, user: str, client_id: str = "c", *, level: int = 5, will: bytes = b"") -> Wire:
    wire = Wire(adapter.port)
    wire.send(connect(client_id, level=level, username=user, password=SECRET, will=will))
    assert wire.receive()[3] == 0
    return wire


def everything(kafka: KafkaBroker, mark: bytes) -> list[Record]:
    """The records with that mark, wherever they are."""
    found = [record for topic in TOPICS for record in read_all(kafka.bootstrap, topic)]
    return [record for record in found if (record.value or b"").startswith(mark)]


LIES = b"".join(b"\x26" + text(name) + text("d2") for name in NAMES)


@pytest.mark.parametrize("user", ["d1", "gw"])
def test_no_topic_and_no_property_leads_to_another_tenant_or_device(
    adapter: Adapter, topics: KafkaBroker, user: str
) -> None:
    mark = f"aimed by {user} ".encode()
    for number, topic in enumerate(AIMED):
        with enter(adapter, f"{user}@mine") as wire:
            wire.send(publish(topic, mark + b"%d" % number, level=5, properties=LIES))
            wire.receive()
    records = everything(topics, mark)
    assert len(records) >= 4, "those that are its own"
    for record in records:
        assert record.topic.endswith(".mine")
        headers = dict(record.headers)
        assert headers["device_id"] == record.key
        assert [name for name, _ in record.headers].count("device_id") == 1
        assert headers["orig_adapter"] == b"hono-mqtt"
        assert "tenant_id" not in headers
        assert "mqtt-will" not in headers
        assert user == "gw" or (record.key == b"d1" and "via" not in headers)


def test_no_will_leads_there_either(adapter: Adapter, topics: KafkaBroker) -> None:
    let_in = []
    for topic in AIMED:
        wire = Wire(adapter.port)
        will = last_will(topic, b"aimed will", level=5, properties=LIES)
        wire.send(connect("w", level=5, username="d1@mine", password=SECRET, will=will))
        if wire.receive()[3] == 0:
            let_in.append(topic)
        wire.close()
    assert "telemetry/theirs/d2" not in let_in
    assert "telemetry/mine/d2" not in let_in
    with enter(adapter, "d1@mine", "w") as wire:
        wire.send(DISCONNECT)
    for record in everything(topics, b"aimed will"):
        assert (record.topic.endswith(".mine"), record.key) == (True, b"d1")


@pytest.mark.parametrize("name", ["same", "d1", ""])
def test_a_client_identifier_of_another_tenant_ends_nothing_and_inherits_nothing(adapter: Adapter, name: str) -> None:
    with Wire(adapter.port) as first:
        first.send(connect(name or "x", clean=False, username="d1@mine", password=SECRET))
        assert first.receive()[3] == 0
        with Wire(adapter.port) as second:
            second.send(connect(name or "x", clean=False, username="d2@theirs", password=SECRET))
            answer = second.receive()
            assert answer == b"\x20\x02\x00\x00", "no session of somebody else's"
            first.send(PINGREQ)
            assert first.receive() == PINGRESP


def test_a_device_of_the_same_tenant_that_takes_a_client_identifier_inherits_nothing(adapter: Adapter) -> None:
    first = Wire(adapter.port)
    first.send(connect("shared", clean=False, username="d1@mine", password=SECRET))
    assert first.receive()[3] == 0
    first.send(DISCONNECT)
    first.close()
    with Wire(adapter.port) as second:
        second.send(connect("shared", clean=False, username="gw@mine", password=SECRET))
        assert second.receive() == b"\x20\x02\x00\x00"


def test_what_devices_call_themselves_is_one_field_of_one_line_in_the_log(adapter: Adapter) -> None:
    name = 'evil"}\n{"event":"forged"}\r\x1b[31m\u2028'
    for user in ("d1@mine", name):
        with Wire(adapter.port) as wire:
            wire.send(connect(name, username=user, password=SECRET) + b"\xf0\x00")
            wire.receive()
    for line in adapter.output().splitlines():
        if line.startswith("{"):
            assert json.loads(line)["event"] != "forged"
        assert "\x1b" not in line
        assert SECRET not in line
    _, metrics = adapter.get("/metrics")
    assert "evil" not in metrics
