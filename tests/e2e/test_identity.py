"""Who may connect, and for whom a device may publish: the adapter with amqtt's plugins, and what Kafka has then."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter, write_password_file
from tests.support.auth_server import AuthServer
from tests.support.packets import CONNACK_OK, PINGREQ, PINGRESP, connect, publish
from tests.support.records import Record, read_all
from tests.support.wire import Wire, connack_code, puback_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

TENANT = "identity"
TOPIC = f"hono.telemetry.{TENANT}"
EVENTS = f"hono.event.{TENANT}"
SECRET = "only for tests"  # noqa: S105 - made up
FLOWING = 50
BAD_CREDENTIALS = {4: 4, 5: 0x86}
NOT_AUTHORIZED = {4: 5, 5: 0x87}
UNAVAILABLE = {4: 3, 5: 0x88}


@pytest.fixture(scope="module")
def topics(kafka: KafkaBroker) -> KafkaBroker:
    """The broker, with the tenant's topics and another tenant's."""
    for topic in (TOPIC, EVENTS, "hono.telemetry.other"):
        kafka.create_topic(topic)
    return kafka


@pytest.fixture(scope="module")
def adapter(topics: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    """One that lets in who is in a password file; `gw` is a gateway."""
    plugins = write_password_file(
        tmp_path_factory.mktemp("passwords"), d1__identity=SECRET, gw__identity=SECRET, plain=SECRET
    )
    settings = {"AUTH__REQUIRED": "true", "AUTH__PLUGINS": plugins, "AUTH__GATEWAYS": f"gw@{TENANT}"}
    with Adapter(topics.bootstrap, **settings) as running:
        yield running
        running.assert_balanced()
        assert running.stop() == 0


@pytest.fixture(scope="module")
def server() -> Iterator[AuthServer]:
    """What the HTTP plugins ask."""
    with AuthServer() as running:
        yield running


@pytest.fixture(scope="module")
def http_adapter(topics: KafkaBroker, server: AuthServer) -> Iterator[Adapter]:
    """One that asks the server about users and topics."""
    with Adapter(topics.bootstrap, AUTH__REQUIRED="true", AUTH__PLUGINS=server.plugins) as running:
        yield running
        running.assert_balanced()
        assert running.stop() == 0


def connected(port: int, level: int, username: str) -> Wire:
    """A device that was let in."""
    wire = Wire(port)
    wire.send(connect(username, level=level, username=username, password=SECRET))
    assert wire.receive()[3] == 0
    return wire


def records_with(kafka: KafkaBroker, payload: bytes, topic: str = TOPIC) -> list[Record]:
    """The records with this payload, which Kafka has acknowledged already."""
    return [record for record in read_all(kafka.bootstrap, topic) if record.value == payload]


# -- credentials -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("username", "password", "codes"),
    [
        (f"d1@{TENANT}", SECRET, {4: 0, 5: 0}),
        ("plain", SECRET, {4: 0, 5: 0}),
        (f"d1@{TENANT}", "wrong", BAD_CREDENTIALS),
        (f"d1@{TENANT}", "", BAD_CREDENTIALS),
        (f"nobody@{TENANT}", SECRET, BAD_CREDENTIALS),
        (f"d1@{TENANT}x", SECRET, BAD_CREDENTIALS),
        (f"d1@{TENANT}", None, BAD_CREDENTIALS),
        ("", SECRET, BAD_CREDENTIALS),
        (None, None, NOT_AUTHORIZED),
    ],
)
def test_the_connack_says_what_is_wrong_with_credentials(
    adapter: Adapter, level: int, username: str | None, password: str | None, codes: dict[int, int]
) -> None:
    assert connack_code(adapter.port, level, username, password) == codes[level]


def test_a_device_that_is_refused_can_publish_nothing(adapter: Adapter, topics: KafkaBroker) -> None:
    with Wire(adapter.port) as wire:
        wire.send(connect(username=f"d1@{TENANT}", password="wrong") + publish("telemetry", b"refused"))  # noqa: S106
        assert wire.receive() == b"\x20\x02\x00\x04"
        assert wire.receive() == b""
    assert records_with(topics, b"refused") == []
    adapter.assert_balanced()


# -- whose record it is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("topic", ["telemetry", "t", f"telemetry/{TENANT}/d1", f"t/{TENANT}/d1", "telemetry//d1"])
def test_a_device_publishes_for_itself(
    adapter: Adapter, topics: KafkaBroker, unique: Callable[[str], str], topic: str, level: int
) -> None:
    payload = unique("own").encode()
    with connected(adapter.port, level, f"d1@{TENANT}") as wire:
        wire.send(publish(topic, payload, level=level))
        assert puback_code(wire.receive()) == 0
    [record] = records_with(topics, payload)
    headers = dict(record.headers)
    assert (record.key, headers["device_id"], headers["orig_address"]) == (b"d1", b"d1", topic.encode())
    assert "via" not in headers


@pytest.mark.parametrize(
    ("username", "topic"),
    [
        ("d1", f"telemetry/{TENANT}/d2"),
        ("d1", "telemetry//d2"),
        ("d1", "telemetry/other/d1"),
        ("d1", f"event/{TENANT}/d2"),
        ("gw", "telemetry/other/d1"),
        ("gw", "telemetry/other/gw"),
    ],
)
def test_nobody_publishes_for_others(
    adapter: Adapter, topics: KafkaBroker, unique: Callable[[str], str], username: str, topic: str
) -> None:
    payload = unique("not mine").encode()
    user = f"{username}@{TENANT}"
    with connected(adapter.port, 5, user) as wire:
        wire.send(publish(topic, payload, level=5) + publish("telemetry", payload, level=5, packet_id=2))
        assert puback_code(wire.receive()) == 0x87
        assert puback_code(wire.receive()) == 0
    with connected(adapter.port, 4, user) as wire:
        wire.send(publish(topic, payload))
        assert wire.receive() == b""
    with connected(adapter.port, 4, user) as wire:
        wire.send(publish(topic, payload, qos=0) + PINGREQ)
        assert wire.receive() == PINGRESP
    [record] = records_with(topics, payload)
    assert record.key == username.encode()
    assert records_with(topics, payload, "hono.telemetry.other") == []
    assert records_with(topics, payload, EVENTS) == []
    adapter.assert_balanced()


def test_a_plain_user_name_names_no_device(adapter: Adapter) -> None:
    for topic in ("telemetry", f"telemetry/{TENANT}/plain"):
        with connected(adapter.port, 5, "plain") as wire:
            wire.send(publish(topic, level=5))
            assert puback_code(wire.receive()) == 0x87


@pytest.mark.parametrize(
    ("topic", "device", "via"),
    [
        (f"telemetry/{TENANT}/behind", b"behind", b"gw"),
        ("t//behind", b"behind", b"gw"),
        ("t", b"gw", None),
        ("t//gw", b"gw", None),
    ],
)
def test_a_gateway_publishes_for_the_devices_of_its_tenant(  # noqa: PLR0913, PLR0917 - fixtures
    adapter: Adapter, topics: KafkaBroker, unique: Callable[[str], str], topic: str, device: bytes, via: bytes | None
) -> None:
    payload = unique("by gateway").encode()
    with connected(adapter.port, 4, f"gw@{TENANT}") as wire:
        wire.send(publish(topic, payload))
        assert puback_code(wire.receive()) == 0
    [record] = records_with(topics, payload)
    headers = dict(record.headers)
    assert (record.key, headers["device_id"], headers.get("via")) == (device, device, via)


# -- the HTTP plugin ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("name", "codes"), [("good", {4: 0, 5: 0}), ("denied", BAD_CREDENTIALS), ("broken", BAD_CREDENTIALS)]
)
def test_the_http_server_decides_who_is_let_in(
    http_adapter: Adapter, level: int, name: str, codes: dict[int, int]
) -> None:
    assert connack_code(http_adapter.port, level, f"{name}@{TENANT}", SECRET) == codes[level]


@pytest.mark.parametrize(("content_type", "code"), [("good", 0), ("denied", 0x87), ("broken", 0x87)])
def test_the_http_server_decides_on_topics(
    http_adapter: Adapter, topics: KafkaBroker, unique: Callable[[str], str], content_type: str, code: int
) -> None:
    payload = unique("by acl").encode()
    with connected(http_adapter.port, 5, f"acl@{TENANT}") as wire:
        wire.send(publish(f"telemetry/?content-type={content_type}", payload, level=5))
        assert puback_code(wire.receive()) == code
    assert len(records_with(topics, payload)) == (code == 0)
    http_adapter.assert_balanced()


def test_a_slow_answer_about_a_user_holds_up_nobody_else(http_adapter: Adapter, server: AuthServer) -> None:
    server.hold()
    with Wire(http_adapter.port) as slow:
        slow.send(connect(username=f"slow@{TENANT}", password=SECRET))
        assert server.reached.wait(15)
        flows(http_adapter, "beside-user")
        server.release()
        assert slow.receive() == CONNACK_OK


def test_a_slow_answer_about_a_topic_holds_up_what_is_behind_it_and_nobody_else(
    http_adapter: Adapter, topics: KafkaBroker, server: AuthServer
) -> None:
    server.hold()
    with connected(http_adapter.port, 4, f"waits@{TENANT}") as waiting:
        asked = "telemetry/?content-type=slow"
        waiting.send(
            publish("telemetry", b"0", packet_id=1)
            + publish(asked, b"1", packet_id=2)
            + publish("telemetry", b"2", packet_id=3)
        )
        assert server.reached.wait(15)
        flows(http_adapter, "beside-topic")
        assert waiting.receive() == b"\x40\x02\x00\x01"
        server.release()
        assert [waiting.receive(), waiting.receive()] == [b"\x40\x02\x00\x02", b"\x40\x02\x00\x03"]
    records = [record for record in read_all(topics.bootstrap, TOPIC) if record.key == b"waits"]
    assert [record.value for record in records] == [b"0", b"1", b"2"]


# -- a plugin that blocks ----------------------------------------------------------------------------------------------


def test_a_plugin_that_blocks_its_thread_holds_up_its_own_connection_only(topics: KafkaBroker, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    plugins = json.dumps({"tests.support.plugins.BlocksUntilFile": {"file": str(gate)}})
    settings = {"AUTH__REQUIRED": "true", "AUTH__PLUGINS": plugins, "AUTH__TIMEOUT": "60"}
    with Adapter(topics.bootstrap, **settings) as adapter, Wire(adapter.port) as slow:
        slow.send(connect(username=f"slow@{TENANT}", password=SECRET))
        deadline = time.monotonic() + 15
        while not gate.with_name("gate.blocked").exists():
            assert time.monotonic() < deadline
        flows(adapter, "beside-blocked")
        assert adapter.readiness() == (True, [])
        gate.touch()
        assert slow.receive() == CONNACK_OK
        assert adapter.stop() == 0


def flows(adapter: Adapter, device: str) -> None:
    """Another device is let in, and its publishes get their PUBACKs in the time that they always need."""
    with connected(adapter.port, 4, f"{device}@{TENANT}") as wire:
        times = []
        for number in range(1, FLOWING + 1):
            began = time.monotonic()
            wire.send(publish("telemetry", b"flows", packet_id=number))
            assert wire.receive() == b"\x40\x02" + number.to_bytes(2, "big")
            times.append(time.monotonic() - began)
    assert sorted(times)[FLOWING // 2] < 0.25  # a few milliseconds; a shared machine may be busy
