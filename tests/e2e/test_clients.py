"""The MQTT clients that people use, in both versions of the protocol, against the real adapter and a real Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter, write_password_file
from tests.support.clients import aio, amqtt_client, gmqtt_client, mosquitto, mqttjs, paho
from tests.support.clients.talk import Device, Message, Properties, Talk
from tests.support.records import Record, read_all

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]

TENANT = "clients"
TOPIC = f"hono.telemetry.{TENANT}"
USER = f"user@{TENANT}"
PASSWORD = "only for tests"  # noqa: S105 - made up
SERIES = 60
MQTT_3_1_1, MQTT_5 = 4, 5

TALKS: dict[str, Talk] = {
    "mosquitto_pub": mosquitto.talk,
    "paho-mqtt": paho.talk,
    "MQTT.js": mqttjs.talk,
    "aiomqtt": aio.talk,
    "gmqtt": gmqtt_client.talk,
    "amqtt": amqtt_client.talk,
}
ONLY_3_1_1 = {"amqtt"}
CANNOT_MIX_QOS = {"mosquitto_pub"}
TELLS_REASON_CODES = {"mosquitto_pub", "paho-mqtt", "MQTT.js"}

CLIENTS = [
    pytest.param(name, level, id=f"{name}-{'5.0' if level == MQTT_5 else '3.1.1'}")
    for name in TALKS
    for level in (MQTT_3_1_1, MQTT_5)
    if level == MQTT_3_1_1 or name not in ONLY_3_1_1
]
IN_5 = [name for name in TALKS if name not in ONLY_3_1_1]


@pytest.fixture(scope="module")
def adapter(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapter]:
    """One for all clients; credentials are checked where a client shows some."""
    kafka.create_topic(TOPIC)
    plugins = write_password_file(tmp_path_factory.mktemp("passwords"), **{USER.replace("@", "__"): PASSWORD})
    with Adapter(kafka.bootstrap, AUTH__PLUGINS=plugins) as running:
        yield running
        running.assert_balanced()
        assert running.stop() == 0


async def records_of(kafka: KafkaBroker, device: str, count: int) -> list[Record]:
    """What Kafka has of a device, when it is so many or after a while."""
    deadline = time.monotonic() + 20
    while True:
        everything = await asyncio.to_thread(read_all, kafka.bootstrap, TOPIC)
        records = [record for record in everything if record.key == device.encode()]
        if len(records) >= count or time.monotonic() > deadline:
            return records


def numbered(topic: str, *qos: int) -> list[Message]:
    """A series of messages, their QoS taken from `qos` in turn."""
    return [Message(topic, b"message %d" % number, qos[number % len(qos)]) for number in range(SERIES)]


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(("client", "level"), CLIENTS)
async def test_a_series_arrives_complete_and_in_order_and_so_do_its_pubacks(  # noqa: PLR0913, PLR0917 - fixtures
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str, level: int, qos: int
) -> None:
    device = unique("series")
    topic = f"telemetry/{TENANT}/{device}"
    told = await TALKS[client](Device(adapter.port, level, device), numbered(topic, qos), None)
    assert told.refused is None
    assert not told.closed
    assert told.acknowledged == (list(range(SERIES)) if qos else [])
    records = await records_of(kafka, device, SERIES)
    assert [record.value for record in records] == [one.payload for one in numbered(topic, qos)]
    assert {record.headers for record in records} == {
        (
            ("creation-time", str(record.timestamp).encode()),
            ("content-type", b"application/octet-stream"),
            ("device_id", device.encode()),
            ("orig_adapter", b"hono-mqtt"),
            ("orig_address", topic.encode()),
            ("qos", str(qos).encode()),
        )
        for record in records
    }
    adapter.assert_balanced()


@pytest.mark.parametrize(("client", "level"), [one for one in CLIENTS if one.values[0] not in CANNOT_MIX_QOS])
async def test_messages_of_both_qos_on_one_connection_stay_in_their_order(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str, level: int
) -> None:
    device = unique("mixed")
    messages = numbered(f"t/{TENANT}/{device}", 0, 1, 1, 0)
    told = await TALKS[client](Device(adapter.port, level, device), messages, None)
    assert told.acknowledged == [place for place, one in enumerate(messages) if one.qos]
    records = await records_of(kafka, device, SERIES)
    assert [record.value for record in records] == [one.payload for one in messages]
    assert [dict(record.headers)["qos"] for record in records] == [b"%d" % one.qos for one in messages]


@pytest.mark.parametrize(("client", "level"), CLIENTS)
async def test_credentials_say_whose_message_it_is(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str, level: int
) -> None:
    payload = unique("with credentials ").encode()
    device = Device(adapter.port, level, unique("client"), USER, PASSWORD)
    told = await TALKS[client](device, [Message("telemetry", payload, retain=True)], None)
    assert told.acknowledged == [0]
    [record] = [one for one in await records_of(kafka, "user", 1) if one.value == payload]
    headers = dict(record.headers)
    assert (headers["device_id"], headers["orig_address"], headers["x-opt-retain"]) == (b"user", b"telemetry", b"true")


@pytest.mark.parametrize(("client", "level"), CLIENTS)
async def test_a_wrong_password_is_refused_with_the_code_of_the_version(
    adapter: Adapter, unique: Unique, client: str, level: int
) -> None:
    device = Device(adapter.port, level, unique("client"), USER, "wrong")
    told = await TALKS[client](device, [Message("telemetry", b"never")], None)
    assert told.refused == (0x86 if level == MQTT_5 else 4)
    assert told.acknowledged == []


@pytest.mark.parametrize("client", IN_5)
async def test_the_properties_of_mqtt_5_become_headers(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str
) -> None:
    device = unique("properties")
    topic = f"telemetry/{TENANT}/{device}"
    properties = Properties(
        content_type="application/json",
        response_topic="answers/here",
        correlation_data=b"question-1",
        expiry=90,
        user_properties=(("colour", "blau"), ("größe", "42"), ("colour", "grün")),
    )
    message = Message(topic, b"{}", properties=properties)
    told = await TALKS[client](Device(adapter.port, MQTT_5, device), [message], None)
    assert told.acknowledged == [0]
    [record] = await records_of(kafka, device, 1)
    assert record.headers[:9] == (
        ("creation-time", str(record.timestamp).encode()),
        ("content-type", b"application/json"),
        ("device_id", device.encode()),
        ("orig_adapter", b"hono-mqtt"),
        ("orig_address", topic.encode()),
        ("qos", b"1"),
        ("ttl", b"90000"),
        ("correlation-id", b"question-1"),
        ("response-topic", b"answers/here"),
    )
    # MQTT.js has its user properties in an object, so theirs come name by name.
    assert sorted(record.headers[9:]) == [
        ("colour", b"blau"),
        ("colour", "grün".encode()),
        ("größe", b"42"),
    ]
    assert [value for name, value in record.headers[9:] if name == "colour"] == [b"blau", "grün".encode()]


@pytest.mark.parametrize("client", IN_5)
async def test_a_refused_publish_gets_its_reason_code_in_mqtt_5_and_those_around_it_succeed(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str
) -> None:
    device = unique("refused")
    good = f"telemetry/{TENANT}/{device}"
    messages = [Message("nonsense", b"refused")]
    if client != "mosquitto_pub":  # which publishes to one topic only
        messages = [Message(good, b"before"), *messages, Message(good, b"after")]
    told = await TALKS[client](Device(adapter.port, MQTT_5, device), messages, None)
    assert told.acknowledged == list(range(len(messages)))
    assert not told.closed
    if client in TELLS_REASON_CODES:
        assert told.codes == [0x90 if one.topic == "nonsense" else 0 for one in messages]
    expected = [one.payload for one in messages if one.topic == good]
    assert [record.value for record in await records_of(kafka, device, len(expected))] == expected
    adapter.assert_balanced()


@pytest.mark.parametrize("client", TALKS)
async def test_a_refused_publish_closes_the_connection_in_mqtt_3_1_1(
    adapter: Adapter, unique: Unique, client: str
) -> None:
    messages = [Message("nonsense", b"refused")]
    told = await TALKS[client](Device(adapter.port, MQTT_3_1_1, unique("refused")), messages, None)
    assert told.closed
    assert told.acknowledged == []
    adapter.assert_balanced()


@pytest.mark.parametrize(("client", "level"), CLIENTS)
async def test_a_subscription_is_refused_in_good_form_and_the_connection_goes_on(
    adapter: Adapter, kafka: KafkaBroker, unique: Unique, client: str, level: int
) -> None:
    device = unique("subscriber")
    message = Message(f"telemetry/{TENANT}/{device}", b"still here")
    told = await TALKS[client](Device(adapter.port, level, device), [message], "commands/#")
    assert [code >= 0x80 for code in told.granted] == [True]
    assert told.acknowledged == [0]
    assert [record.value for record in await records_of(kafka, device, 1)] == [b"still here"]
