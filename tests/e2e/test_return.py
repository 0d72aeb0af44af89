"""Devices that come back, with DUP, while Kafka is frozen: on a real Kafka, each message is there once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter
from tests.support.packets import connect, puback, publish
from tests.support.records import read_all
from tests.support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kafka_broker import KafkaBroker

COUNT = 50


def packets(topic: str, level: int, *, dup: bool) -> bytes:
    """The same messages, for the first time or again."""
    return b"".join(
        publish(topic, b"%d" % number, packet_id=number, level=level, dup=dup) for number in range(1, COUNT + 1)
    )


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("takeover", [True, False])
def test_what_is_sent_again_while_kafka_is_frozen_makes_one_record_and_gets_one_puback(
    own_kafka: KafkaBroker, unique: Callable[[str], str], level: int, *, takeover: bool
) -> None:
    tenant = unique("return")
    topic = f"telemetry/{tenant}/device"
    own_kafka.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(own_kafka.bootstrap) as adapter:
        hello = connect("device", level=level)
        with Wire(adapter.port) as warm:
            warm.send(connect("warm") + publish(f"telemetry/{tenant}/warm", b"warm"))
            assert warm.receive()[0] == 0x20
            assert warm.receive() == puback(1)
        own_kafka.pause()
        first = Wire(adapter.port)
        first.send(hello + packets(topic, level, dup=False))
        assert first.receive()[0] == 0x20
        if not takeover:
            first.close()
        for _ in range(3):
            with Wire(adapter.port) as again:
                again.send(hello + packets(topic, level, dup=True))
                assert again.receive()[0] == 0x20
        last = Wire(adapter.port)
        last.send(hello + packets(topic, level, dup=True) + publish(topic, b"new", packet_id=999, level=level))
        assert last.receive()[0] == 0x20
        own_kafka.resume()
        answers = [last.receive() for _ in range(COUNT + 1)]
        last.close()
        first.close()
        assert answers == [puback(number) for number in (*range(1, COUNT + 1), 999)]
        records = [record.value for record in read_all(own_kafka.bootstrap, f"hono.telemetry.{tenant}")]
        assert [value for value in records if value != b"warm"] == [
            *(b"%d" % number for number in range(1, COUNT + 1)),
            b"new",
        ]
        adapter.assert_balanced()
