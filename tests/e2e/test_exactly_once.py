"""QoS 2 on a real Kafka: whatever breaks between device and adapter, each message is there once, and in order."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.adapter import Adapter
from tests.support.clients.paho import VERSIONS
from tests.support.packets import connect, puback, publish
from tests.support.records import read_all
from tests.support.tcp_proxy import TcpProxy
from tests.support.wire import SECONDS, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kafka_broker import KafkaBroker

COUNT = 400
RESETS = 12
EXPIRY = b"\x11\x00\x00\x00\x3c"  # Session Expiry Interval: a minute
PUBREC, PUBREL, PUBCOMP = 0x50, 0x62, 0x70


def acknowledgement(kind: int, packet_id: int) -> bytes:
    return bytes([kind, 2]) + packet_id.to_bytes(2, "big")


def hello(level: int) -> bytes:
    return connect("device", level=level, clean=False, properties=EXPIRY if level == 5 else b"")


def come(adapter: Adapter, level: int, *, present: bool) -> Wire:
    """A device that wants its session."""
    wire = Wire(adapter.port)
    wire.send(hello(level))
    answer = wire.receive()
    assert (answer[0], answer[2], answer[3]) == (0x20, present, 0)
    return wire


@pytest.mark.parametrize("level", [4, 5])
def test_a_message_is_there_once_wherever_its_exchange_breaks_off(
    kafka: KafkaBroker, unique: Callable[[str], str], level: int
) -> None:
    tenant = unique("exactly")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    topic = f"telemetry/{tenant}/device"

    def message(number: int, *, dup: bool = False) -> bytes:
        return publish(topic, b"%d" % number, qos=2, packet_id=7, level=level, dup=dup)

    with Adapter(kafka.bootstrap) as adapter:
        wire = come(adapter, level, present=False)
        wire.send(message(1))  # breaks off after PUBLISH: whether the PUBREC was sent is not known
        wire.close()
        wire = come(adapter, level, present=True)
        wire.send(message(1, dup=True))
        assert wire.receive() == acknowledgement(PUBREC, 7)
        wire.close()  # after PUBREC
        wire = come(adapter, level, present=True)
        wire.send(message(1, dup=True))
        assert wire.receive() == acknowledgement(PUBREC, 7)
        wire.send(acknowledgement(PUBREL, 7))
        wire.close()  # after PUBREL
        wire = come(adapter, level, present=True)
        wire.send(acknowledgement(PUBREL, 7))
        assert wire.receive()[:4] in {acknowledgement(PUBCOMP, 7), b"\x70\x03\x00\x07"}
        wire.send(message(2))  # the identifier is free
        assert wire.receive() == acknowledgement(PUBREC, 7)
        wire.close()
        assert adapter.metric("adapter_messages_unreleased") == 1
        adapter.assert_balanced()
    assert [record.value for record in read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")] == [b"1", b"2"]


def test_after_a_restart_the_device_is_told_that_its_session_is_gone(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    tenant = unique("exactly")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    for _ in range(2):
        with Adapter(kafka.bootstrap) as adapter:
            come(adapter, 5, present=False).close()
            come(adapter, 5, present=True).close()


@pytest.mark.parametrize("level", [4, 5])
def test_every_qos_keeps_the_order_of_its_device_and_of_its_answers(
    kafka: KafkaBroker, unique: Callable[[str], str], level: int
) -> None:
    tenant = unique("exactly")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    numbers = range(1, 301)
    with Adapter(kafka.bootstrap) as adapter, Wire(adapter.port) as wire:
        wire.send(hello(level))
        assert wire.receive()[0] == 0x20
        wire.send(
            b"".join(
                publish(f"telemetry/{tenant}/device", b"%d" % n, qos=n % 3, packet_id=n, level=level) for n in numbers
            )
        )
        answered = [n for n in numbers if n % 3]
        expected = [puback(n) if n % 3 == 1 else acknowledgement(PUBREC, n) for n in answered]
        assert [wire.receive() for _ in answered] == expected
        records = read_all(kafka.bootstrap, f"hono.telemetry.{tenant}", len(numbers))
        adapter.assert_balanced()
    assert [record.value for record in records] == [b"%d" % n for n in numbers]
    assert [dict(record.headers)["qos"] for record in records] == [b"%d" % (n % 3) for n in numbers]


@pytest.mark.parametrize("level", [4, 5])
def test_paho_over_a_connection_that_is_reset_again_and_again_leaves_each_message_once_and_in_order(
    kafka: KafkaBroker, unique: Callable[[str], str], level: int
) -> None:
    tenant = unique("exactly")
    kafka.create_topic(f"hono.telemetry.{tenant}")
    heard = threading.Condition()
    completed: set[int] = set()

    def on_publish(_: Client, __: Any, mid: int, *___: Any) -> None:
        with heard:
            completed.add(mid)
            heard.notify_all()

    session = {"clean_session": False} if level == 4 else {}
    client = Client(CallbackAPIVersion.VERSION2, "device", protocol=VERSIONS[level], **session)
    client.reconnect_delay_set(1, 1)
    client.max_inflight_messages_set(COUNT)
    client.on_publish = on_publish
    with Adapter(kafka.bootstrap) as adapter:
        proxy = TcpProxy(adapter.port)
        start: dict[str, Any] = {}
        if level == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has gaps in its types
            properties.SessionExpiryInterval = 60
            start = {"clean_start": False, "properties": properties}
        client.connect("127.0.0.1", proxy.port, **start)
        client.loop_start()
        try:
            sent = []
            for number in range(COUNT):
                sent.append(client.publish(f"telemetry/{tenant}/device", b"%d" % number, 2).mid)
                if number % (COUNT // RESETS) == COUNT // RESETS - 1:
                    time.sleep(0.02)
                    proxy.reset()
            with heard:
                assert heard.wait_for(lambda: len(completed) == COUNT, 2 * SECONDS)
        finally:
            client.disconnect()
            client.loop_stop()
            proxy.close()
        assert completed == set(sent)
        assert adapter.metric("adapter_messages_unreleased") == 0
        adapter.assert_balanced()
    records = [record.value for record in read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")]
    assert records == [b"%d" % number for number in range(COUNT)]
