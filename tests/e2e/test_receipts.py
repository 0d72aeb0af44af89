"""The Kafka receipt on a real Kafka: what the acknowledgement says is where a consumer finds the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.adapter import Adapter
from tests.support.packets import connect, publish
from tests.support.records import read_all
from tests.support.wire import Wire, text_property

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kafka_broker import KafkaBroker

USER_PROPERTY = 0x26
ASKS = text_property(USER_PROPERTY, "kafka-receipt", "true")
PUBACK, PUBREC = 0x40, 0x50
COUNT = 600
LARGE = 30_000


def told(answer: bytes) -> tuple[int, dict[str, str]]:
    """The packet identifier of an acknowledgement with success, and its user properties."""
    assert answer[0] in {PUBACK, PUBREC}
    assert answer[1] < 0x80, "one byte of Remaining Length"
    packet_id = int.from_bytes(answer[2:4], "big")
    if answer[1] == 2:
        return packet_id, {}
    assert answer[4] == 0
    assert answer[5] == len(answer) - 6
    properties, at = {}, 6
    while at < len(answer):
        assert answer[at] == USER_PROPERTY
        pair = []
        at += 1
        for _ in range(2):
            size = int.from_bytes(answer[at : at + 2], "big")
            pair.append(answer[at + 2 : at + 2 + size].decode())
            at += 2 + size
        properties[pair[0]] = pair[1]
    return packet_id, properties


def test_receipts_lead_to_the_records(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    tenant = unique("receipt")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 4)
    letters = kafka.create_topic(unique("letters"), 2)
    kafka.create_topic(small := f"hono.event.{tenant}", 1, {"max.message.bytes": "5000"})
    numbers = range(1, COUNT + 1)
    with (
        Adapter(
            kafka.bootstrap,
            KAFKA__DEAD_LETTER_TOPIC=letters,
            MQTT__RECEIVE_MAXIMUM=str(COUNT),
            MQTT__MAX_PACKET_SIZE="65536",
            KAFKA__MAX_BATCH_SIZE="66000",
        ) as adapter,
        Wire(adapter.port) as wire,
        Wire(adapter.port) as other,
    ):
        other.send(connect("other", level=5))
        assert other.receive()[0] == 0x20
        wire.send(connect("gateway", level=5, properties=ASKS))
        assert ASKS in wire.receive()
        for n in numbers:
            mqtt = f"event/{tenant}/d0" if n % 50 == 0 else f"telemetry/{tenant}/d{n % 7}"
            payload = (b"%d" % n).ljust(0 if n % 50 else LARGE, b".")
            wire.send(publish(mqtt, payload, packet_id=n, qos=n % 2 + 1, level=5))
            wire.send(publish(f"telemetry/{tenant}/d{n % 7}", b"0", qos=0, level=5))
            other.send(publish(f"telemetry/{tenant}/d{n % 7}", b"other", packet_id=n, level=5))
        receipts = [told(wire.receive()) for _ in numbers]
        assert [told(other.receive()) for _ in numbers] == [(n, {}) for n in numbers]
        records = {
            (record.topic or name, record.partition, record.offset): record.value
            for name in (topic, letters, small)
            for record in read_all(kafka.bootstrap, name)
        }
    assert [packet_id for packet_id, _ in receipts] == list(numbers)
    places = [
        (receipt["kafka-topic"], int(receipt["kafka-partition"]), int(receipt["kafka-offset"]))
        for _, receipt in receipts
    ]
    assert len(set(places)) == COUNT
    assert len({partition for name, partition, _ in places if name == topic}) > 1
    for n, place in zip(numbers, places, strict=True):
        assert place[0] == (letters if n % 50 == 0 else topic)
        assert (records[place] or b"").startswith(b"%d" % n)


def test_a_setting_forbids_receipts_and_acks_0_has_none(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    tenant = unique("receipt")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    hello = connect(level=5, properties=ASKS) + publish(f"telemetry/{tenant}/d", b"1", level=5)
    for variables in ({"MQTT__KAFKA_RECEIPT": "false"}, {"KAFKA__ACKS": "0", "DELIVERY": "at_most_once"}):
        with Adapter(kafka.bootstrap, **variables) as adapter, Wire(adapter.port) as wire:
            wire.send(hello)
            assert (ASKS in wire.receive()) == ("KAFKA__ACKS" in variables)
            assert told(wire.receive()) == (1, {})
