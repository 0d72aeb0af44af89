"""Devices that come back, with DUP, while Kafka is frozen: on a real Kafka, each message is there once."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.adapter import Adapter
from tests.support.clients.paho import VERSIONS
from tests.support.kafka_broker import KafkaBroker
from tests.support.packets import connect, puback, publish
from tests.support.records import read_all
from tests.support.until import until
from tests.support.wire import SECONDS, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNT = 50


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    """One for all tests of this file."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def freezable(broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """The broker, awake before and after the test."""
    yield broker
    broker.resume()


def packets(topic: str, level: int, *, dup: bool) -> bytes:
    """The same messages, for the first time or again."""
    return b"".join(
        publish(topic, b"%d" % number, packet_id=number, level=level, dup=dup) for number in range(1, COUNT + 1)
    )


def warm_up(adapter: Adapter, tenant: str) -> None:
    """The adapter knows the topic before Kafka is frozen."""
    with Wire(adapter.port) as warm:
        warm.send(connect("warm") + publish(f"telemetry/{tenant}/warm", b"warm"))
        assert warm.receive()[0] == 0x20
        assert warm.receive() == puback(1)


def values(kafka: KafkaBroker, tenant: str) -> list[bytes]:
    """What the devices' records hold, without that of the warm-up."""
    records = [record.value for record in read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")]
    assert records.count(b"warm") == 1
    return [value for value in records if value != b"warm"]


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("takeover", [True, False])
def test_what_is_sent_again_while_kafka_is_frozen_makes_one_record_and_gets_one_puback(
    freezable: KafkaBroker, unique: Callable[[str], str], level: int, *, takeover: bool
) -> None:
    tenant = unique("return")
    topic = f"telemetry/{tenant}/device"
    freezable.create_topic(f"hono.telemetry.{tenant}")
    with Adapter(freezable.bootstrap) as adapter:
        hello = connect("device", level=level)
        warm_up(adapter, tenant)
        freezable.pause()
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
        freezable.resume()
        answers = [last.receive() for _ in range(COUNT + 1)]
        last.close()
        first.close()
        assert answers == [puback(number) for number in (*range(1, COUNT + 1), 999)]
        assert values(freezable, tenant) == [*(b"%d" % number for number in range(1, COUNT + 1)), b"new"]
        adapter.assert_balanced()


async def test_two_that_throw_each_other_out_while_kafka_is_frozen_leave_every_message_once_and_in_order(
    freezable: KafkaBroker, unique: Callable[[str], str]
) -> None:
    """Each turn sends again all that has no answer, and something new."""
    tenant = unique("return")
    topic = f"telemetry/{tenant}/device"
    freezable.create_topic(f"hono.telemetry.{tenant}")
    turns = 20
    with Adapter(freezable.bootstrap) as adapter:
        warm_up(adapter, tenant)
        freezable.pause()
        wires = []
        for turn in range(1, turns + 1):
            wire = Wire(adapter.port)
            again = (publish(topic, b"%d" % number, packet_id=number, dup=True) for number in range(1, turn))
            wire.send(connect("device") + b"".join(again) + publish(topic, b"%d" % turn, packet_id=turn))
            assert wire.receive()[0] == 0x20
            wires.append(wire)
        await until(lambda: adapter.metric("adapter_messages_received_total", qos="1") == 1 + turns)
        freezable.resume()
        *thrown_out, last = wires
        assert [last.receive() for _ in range(turns)] == [puback(number) for number in range(1, turns + 1)]
        assert [wire.receive() for wire in thrown_out] == [b""] * (turns - 1)
        for wire in wires:
            wire.close()
        assert values(freezable, tenant) == [b"%d" % number for number in range(1, turns + 1)]
        assert adapter.metric("adapter_messages_joined_total") == turns * (turns - 1) / 2
        adapter.assert_balanced()


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("clean", [True, False])
async def test_what_paho_sends_again_by_itself_while_kafka_is_frozen_is_there_once(
    freezable: KafkaBroker, unique: Callable[[str], str], level: int, *, clean: bool
) -> None:
    tenant = unique("return")
    freezable.create_topic(f"hono.telemetry.{tenant}")
    connections: list[socket.socket] = []
    acknowledged: list[int] = []
    heard = threading.Condition()

    def on_connect(client: Client, *_: Any) -> None:
        with heard:
            connections.append(client.socket())  # type: ignore[arg-type] # it is connected
            heard.notify_all()

    def on_publish(_: Client, __: Any, mid: int, *___: Any) -> None:
        with heard:
            acknowledged.append(mid)
            heard.notify_all()

    session = {"clean_session": clean} if level == 4 else {}
    client = Client(CallbackAPIVersion.VERSION2, "device", protocol=VERSIONS[level], **session)
    client.max_inflight_messages_set(COUNT)
    client.reconnect_delay_set(1, 1)
    client.on_connect = on_connect
    client.on_publish = on_publish
    with Adapter(freezable.bootstrap) as adapter:
        warm_up(adapter, tenant)
        client.connect("127.0.0.1", adapter.port, **({} if level == 4 else {"clean_start": clean}))
        client.loop_start()
        try:
            with heard:
                assert heard.wait_for(lambda: connections, SECONDS)
            freezable.pause()
            mids = [client.publish(f"telemetry/{tenant}/device", b"%d" % n, 1).mid for n in range(COUNT)]
            await until(lambda: adapter.metric("adapter_messages_received_total", qos="1") == 1 + COUNT)
            for losses in (1, 2):
                connections[-1].shutdown(socket.SHUT_RDWR)
                await until(lambda losses=losses: adapter.metric("adapter_messages_joined_total") == losses * COUNT)
            freezable.resume()
            with heard:
                assert heard.wait_for(lambda: len(acknowledged) == COUNT, SECONDS)
        finally:
            client.disconnect()
            client.loop_stop()
        assert acknowledged == mids
        assert values(freezable, tenant) == [b"%d" % n for n in range(COUNT)]
        adapter.assert_balanced()
