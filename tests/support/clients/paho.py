"""paho-mqtt, with its network loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.reasoncodes import ReasonCode

from tests.support.clients.talk import SECONDS, Device, Message, Properties, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

MQTT_5 = 5
VERSIONS = {4: MQTTProtocolVersion.MQTTv311, MQTT_5: MQTTProtocolVersion.MQTTv5}

# paho tells the return codes of a 3.1.1 CONNACK as the reason codes of 5.0; back again.
RETURN_CODES = {0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish."""
    return await asyncio.to_thread(_talk, device, messages, subscribe_to)


def publish_properties(properties: Properties | None) -> PahoProperties | None:
    """Those of a PUBLISH, as paho wants them."""
    if properties is None:
        return None
    made = PahoProperties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has gaps in its types
    made.ContentType = properties.content_type
    made.ResponseTopic = properties.response_topic
    made.CorrelationData = properties.correlation_data
    made.MessageExpiryInterval = properties.expiry
    made.UserProperty = list(properties.user_properties)
    return made


def connack_code(code: ReasonCode | int | None, level: int) -> int:
    """What stood in the CONNACK."""
    assert isinstance(code, ReasonCode)
    return code.value if level == MQTT_5 else RETURN_CODES[code.value]


class _Conversation:
    """Collects what paho's thread reports."""

    def __init__(self, level: int) -> None:
        self.told = Told()
        self.level = level
        self.leaving = False
        self.acknowledged: list[int] = []
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self.closed = threading.Event()
        self.changed = threading.Condition()

    def on_connect(self, _: Client, __: Any, ___: ConnectFlags, code: ReasonCode, ____: Any) -> None:
        if code.is_failure:
            self.told.refused = connack_code(code, self.level)
        self.connected.set()

    def on_subscribe(self, _: Client, __: Any, ___: int, codes: list[ReasonCode], ____: Any) -> None:
        self.told.granted = [code.value for code in codes]
        self.subscribed.set()

    def on_publish(self, _: Client, __: Any, mid: int, code: ReasonCode, ___: Any) -> None:
        with self.changed:
            self.acknowledged.append(mid)
            self.told.codes.append(code.value)
            self.changed.notify()

    def on_disconnect(self, _: Client, __: Any, flags: DisconnectFlags, ___: ReasonCode, ____: Any) -> None:
        with self.changed:
            self.told.closed = flags.is_disconnect_packet_from_server or not self.leaving
            self.closed.set()
            self.changed.notify()


def _talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    heard = _Conversation(device.level)
    client = Client(
        CallbackAPIVersion.VERSION2, device.client_id, protocol=VERSIONS[device.level], reconnect_on_failure=False
    )
    client.max_inflight_messages_set(len(messages))
    client.on_connect = heard.on_connect
    client.on_subscribe = heard.on_subscribe
    client.on_publish = heard.on_publish
    client.on_disconnect = heard.on_disconnect
    if device.username is not None:
        client.username_pw_set(device.username, device.password)
    client.connect("127.0.0.1", device.port)
    client.loop_start()
    try:
        assert heard.connected.wait(SECONDS)
        if heard.told.refused is not None:
            return heard.told
        if subscribe_to is not None:
            client.subscribe(subscribe_to, 1)
            assert heard.subscribed.wait(SECONDS)
        places = {
            client.publish(one.topic, one.payload, one.qos, one.retain, publish_properties(one.properties)).mid: place
            for place, one in enumerate(messages)
        }
        with heard.changed:
            assert heard.changed.wait_for(
                lambda: heard.closed.is_set() or len(heard.acknowledged) == len(messages), SECONDS
            )
        heard.leaving = True
        client.disconnect()
        assert heard.closed.wait(SECONDS)
    finally:
        client.loop_stop()
    # For a QoS 0 message paho's on_publish says only that it was written.
    kept = [(places[mid], code) for mid, code in zip(heard.acknowledged, heard.told.codes, strict=True)]
    heard.told.acknowledged = [place for place, _ in kept if messages[place].qos]
    heard.told.codes = [code for place, code in kept if messages[place].qos]
    return heard.told
