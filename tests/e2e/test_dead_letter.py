"""The dead-letter topic: what is refused for good is kept in Kafka, acknowledged in its turn, and disturbs nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.devices import Device, judge
from tests.support.records import Record, read_all
from tests.support.until import until

if TYPE_CHECKING:
    from tests.support.kafka_broker import KafkaBroker

Unique = Callable[[str], str]

SMALL = {"max.message.bytes": "2000"}
BOTH = pytest.mark.parametrize("level", [4, 5], ids=["3.1.1", "5.0"])


def header(record: Record, name: str) -> str | None:
    values = [value.decode() for other, value in record.headers if other == name]
    assert len(values) < 2, f"{name} is there more than once"
    return values[0] if values else None


@BOTH
async def test_a_record_too_large_for_its_topic_is_kept_and_its_neighbours_are_delivered_in_order(
    kafka: KafkaBroker, unique: Unique, level: int
) -> None:
    tenant = unique("large")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1, SMALL)
    letters = kafka.create_topic(unique("letters"), 2)
    with Adapter(kafka.bootstrap, KAFKA__DEAD_LETTER_TOPIC=letters) as adapter:
        device = Device("d", f"telemetry/{tenant}/d", level=level)
        await device.connect(adapter.port)
        for number in range(60):
            await device.publish(number, qos=number % 3 and 1, size=3000 if number % 10 == 4 else 0)
        await device.all_acked()
        records = read_all(kafka.bootstrap, topic, 54)
        dead = read_all(kafka.bootstrap, letters, 6)
        assert judge([device], [*records, *dead]).good
        assert [record.value for record in records] == [
            payload for number, (_, payload) in enumerate(device.sent) if number % 10 != 4
        ]
        assert [record.value for record in dead] == [device.sent[number][1] for number in range(4, 60, 10)]
        assert device.acked == [payload for qos, payload in device.sent if qos]
        assert {record.key for record in dead} == {b"d"}
        names = [name for name, _ in records[0].headers]
        assert [name for name, _ in dead[0].headers] == [
            *names,
            "dead-letter-reason",
            "dead-letter-text",
            "dead-letter-topic",
        ]
        assert header(dead[0], "dead-letter-topic") == topic
        assert header(dead[0], "dead-letter-reason") == "too_large"
        assert adapter.metric("adapter_kafka_producer_replacements_total") == 0, "the topic's limit was known"
        assert header(dead[0], "orig_address") == f"telemetry/{tenant}/d"
        assert header(dead[0], "device_id") == "d"
        assert adapter.metric("adapter_dead_letters_total") == 6
        assert adapter.metric("adapter_messages_acknowledged_total") == 60
        adapter.assert_balanced()
        await device.close()
        assert adapter.stop() == 0


@BOTH
async def test_a_publish_without_a_route_an_empty_one_and_an_event_with_qos_0_are_kept(
    kafka: KafkaBroker, unique: Unique, level: int
) -> None:
    tenant = unique("strange")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    letters = kafka.create_topic(unique("letters"), 1)
    with Adapter(kafka.bootstrap, KAFKA__DEAD_LETTER_TOPIC=letters) as adapter:
        device = Device("d", f"telemetry/{tenant}/d", level=level)
        await device.connect(adapter.port)
        await device.publish(0)
        await device.publish(1, topic="no/route")
        await device.publish(2, topic=f"event/{tenant}/d", qos=0)
        await device.publish(3, topic="no/route", qos=0)
        await device.publish(4)
        await device.publish_bytes(b"")
        await device.publish(5)
        await device.all_acked()
        assert [record.value for record in read_all(kafka.bootstrap, topic, 3)] == [b"d:0", b"d:4", b"d:5"]
        dead = read_all(kafka.bootstrap, letters, 4)
        assert [(header(record, "dead-letter-reason"), record.value or b"") for record in dead] == [
            ("bad_topic", b"d:1"),
            ("event_qos_0", b"d:2"),
            ("bad_topic", b"d:3"),
            ("empty_payload", b""),
        ]
        assert [header(record, "orig_address") for record in dead[:2]] == ["no/route", f"event/{tenant}/d"]
        assert [record.key for record in dead] == [b"d"] * 4
        assert device.acked == [b"d:0", b"d:1", b"d:4", b"", b"d:5"]
        assert (device.out_of_order, device.closed) == (0, False)
        adapter.assert_balanced()
        await device.close()
        assert adapter.stop() == 0


async def test_a_record_that_is_too_large_also_when_compressed_is_kept(kafka: KafkaBroker, unique: Unique) -> None:
    """This payload does not shrink."""
    tenant = unique("rejected")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1, SMALL)
    letters = kafka.create_topic(unique("letters"), 1)
    variables = {"KAFKA__DEAD_LETTER_TOPIC": letters, "KAFKA__COMPRESSION_TYPE": "gzip"}
    payload = os.urandom(3000)
    with Adapter(kafka.bootstrap, **variables) as adapter:
        device = Device("d", f"telemetry/{tenant}/d")
        await device.connect(adapter.port)
        await device.publish(0)
        await device.publish_bytes(payload)
        await device.publish(1)
        await device.publish(2, size=3000)  # this one shrinks
        await device.all_acked()
        assert [record.value for record in read_all(kafka.bootstrap, topic, 3)] == [
            b"d:0",
            b"d:1",
            b"d:2".ljust(3000, b"."),
        ]
        (letter,) = read_all(kafka.bootstrap, letters, 1)
        assert letter.value == payload
        assert header(letter, "dead-letter-reason") == "too_large"
        assert adapter.metric("adapter_kafka_producer_replacements_total") == 0
        assert [payload[:3] for payload in device.acked] == [b"d:0", payload[:3], b"d:1", b"d:2"]
        adapter.assert_balanced()
        await device.close()


async def test_messages_for_a_missing_topic_are_kept_until_it_is_made(own_kafka: KafkaBroker) -> None:
    letters = own_kafka.create_topic("letters", 1)
    with Adapter(own_kafka.bootstrap, KAFKA__DEAD_LETTER_TOPIC=letters, KAFKA__TOPIC_REFRESH_INTERVAL="0.5") as adapter:
        device = Device("d", "telemetry/late/d")
        await device.connect(adapter.port)
        await device.series(range(20))
        await device.all_acked()
        topic = own_kafka.create_topic("hono.telemetry.late", 1)
        number = 20
        while adapter.metric("adapter_messages_acknowledged_total") == adapter.metric("adapter_dead_letters_total"):
            await device.publish(number)
            await device.all_acked()
            number += 1
        dead = read_all(own_kafka.bootstrap, letters)
        records = read_all(own_kafka.bootstrap, topic)
        assert [record.value for record in (*dead, *records)] == [payload for _, payload in device.sent]
        assert len(dead) >= 20
        assert {header(record, "dead-letter-reason") for record in dead} == {"kafka_topic_missing"}
        assert {header(record, "dead-letter-topic") for record in dead} == {topic}
        assert device.acked == [payload for _, payload in device.sent]
        adapter.assert_balanced()
        await device.close()


async def test_without_the_dead_letter_topic_itself_a_refusal_is_a_refusal(own_kafka: KafkaBroker) -> None:
    with Adapter(
        own_kafka.bootstrap, KAFKA__DEAD_LETTER_TOPIC="letters", KAFKA__TOPIC_REFRESH_INTERVAL="0.5"
    ) as adapter:
        assert "letters" in adapter.output()
        old, new = Device("old", "no/route"), Device("new", "no/route", level=5)
        for device in (old, new):
            await device.connect(adapter.port)
            await device.publish(0)
        await old.until_closed()
        await new.all_acked()
        assert new.refused == [(b"new:0", 0x90)]
        assert adapter.metric("adapter_messages_refused_total", reason="bad_topic") == 2
        reasons = [line["text"] for line in adapter.log_lines() if line.get("event") == "message refused"]
        assert len(reasons) == 1
        assert "no route takes the topic" in str(reasons[0])
        assert "the Kafka topic letters does not exist" in str(reasons[0])
        own_kafka.create_topic("letters", 1)
        while not new.acked:
            await new.publish(1)
            await new.all_acked()
        assert read_all(own_kafka.bootstrap, "letters", 1)[0].value == b"new:1"
        adapter.assert_balanced()
        for device in (old, new):
            await device.close()


async def test_what_the_dead_letter_topic_does_not_take_either_is_refused_once(
    kafka: KafkaBroker, unique: Unique
) -> None:
    tenant = unique("twice")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}", 1, SMALL)
    letters = kafka.create_topic(unique("letters"), 1, SMALL)
    with Adapter(kafka.bootstrap, KAFKA__DEAD_LETTER_TOPIC=letters) as adapter:
        old = Device("old", f"telemetry/{tenant}/old")
        new = Device("new", f"telemetry/{tenant}/new", level=5)
        for device in (old, new):
            await device.connect(adapter.port)
            await device.publish(0)
            await device.publish(1, size=3000)
        await new.publish(2)
        await new.all_acked()
        await old.until_closed()
        assert (old.acked, new.acked) == ([b"old:0"], [b"new:0", b"new:2"])
        assert [payload[:5] for payload, _ in new.refused] == [b"new:1"]
        assert adapter.metric("adapter_messages_refused_total") == 2
        assert sorted(record.value for record in read_all(kafka.bootstrap, topic, 3) if record.value) == [
            b"new:0",
            b"new:2",
            b"old:0",
        ]
        assert read_all(kafka.bootstrap, letters) == []
        adapter.assert_balanced()
        for device in (old, new):
            await device.close()
        await until(lambda: adapter.metric("adapter_messages_pending") == 0)
