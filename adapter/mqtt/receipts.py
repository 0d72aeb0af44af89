"""The Kafka receipt: where a device's message is, in the PUBACK or PUBREC that acknowledges it.

A 5.0 device asks for it with the user property `kafka-receipt: true` in its CONNECT, and the CONNACK says the same when
it will get it. Each acknowledgement then has the user properties `kafka-topic`, `kafka-partition` and `kafka-offset`,
unless its packet would be larger than the device takes [MQTT-3.4.2-3, 3.5.2-3]. There are none for a device that wants
no problem information: user properties are forbidden there [MQTT-3.1.2-29].
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.primitives import encode_varint
from adapter.mqtt.properties import Property, encode_property

if TYPE_CHECKING:
    from adapter.model import Connect, RecordMetadata
    from adapter.mqtt.packet_types import PacketType

ASKS = ("kafka-receipt", "true")
_SUCCESS = b"\0"


def asks_for_receipts(connect: Connect) -> bool:
    """Whether the device wants receipts, and may have user properties."""
    return connect.level == MQTT_5 and connect.request_problem_information and ASKS in connect.user_properties


def encode_receipt(kind: PacketType, packet_id: bytes, place: RecordMetadata, limit: int | None) -> bytes | None:
    """A PUBACK or PUBREC with success and a receipt; None when it would be larger than the device takes."""
    topic, partition, offset = place
    listed = _partition(topic, partition)
    if offset >= 0:
        listed += encode_property(Property.USER_PROPERTY, ("kafka-offset", str(offset)))
    body = packet_id + _SUCCESS + encode_varint(len(listed)) + listed
    packet = bytes([kind << 4]) + encode_varint(len(body)) + body
    return packet if limit is None or len(packet) <= limit else None


def at_index(place: RecordMetadata, index: int) -> RecordMetadata:
    """Where the message is that comes so many records later."""
    topic, partition, offset = place
    return topic, partition, offset + index if offset >= 0 else offset


@lru_cache(maxsize=1024)
def _partition(topic: str, partition: int) -> bytes:
    return encode_property(Property.USER_PROPERTY, ("kafka-topic", topic)) + encode_property(
        Property.USER_PROPERTY, ("kafka-partition", str(partition))
    )
