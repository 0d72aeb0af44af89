"""Kafka receipts: the PUBACK or PUBREC of a message says where in Kafka it is.

A 5.0 device requests them with the user property `kafka-receipt: true` in its CONNECT; if they are granted, the
CONNACK repeats it. Each acknowledgement then has the user properties `kafka-topic`, `kafka-partition` and
`kafka-offset`, unless it would exceed the device's Maximum Packet Size [MQTT-3.4.2-3, 3.5.2-3]. With Request Problem
Information 0 there are none, because user properties are forbidden then [MQTT-3.1.2-29].
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.primitives import encode_varint
from adapter.mqtt.properties import Property, encode_property

if TYPE_CHECKING:
    from adapter.model import Connect
    from adapter.mqtt.packet_types import PacketType
    from adapter.runs import RecordMetadata

ASKS = ("kafka-receipt", "true")
_SUCCESS = b"\0"


def asks_for_receipts(connect: Connect) -> bool:
    """Whether the device requests receipts, and may be sent user properties."""
    return connect.level == MQTT_5 and connect.request_problem_information and ASKS in connect.user_properties


def encode_receipt(kind: PacketType, packet_id: bytes, place: RecordMetadata, limit: int | None) -> bytes | None:
    """A successful PUBACK or PUBREC with a receipt; None if it would exceed `limit`."""
    topic, partition, offset = place
    listed = _partition(topic, partition)
    if offset >= 0:
        listed += encode_property(Property.USER_PROPERTY, ("kafka-offset", str(offset)))
    body = packet_id + _SUCCESS + encode_varint(len(listed)) + listed
    packet = bytes([kind << 4]) + encode_varint(len(body)) + body
    return packet if limit is None or len(packet) <= limit else None


def at_index(place: RecordMetadata, index: int) -> RecordMetadata:
    """The place of the record `index` records later."""
    topic, partition, offset = place
    return topic, partition, offset + index if offset >= 0 else offset


@lru_cache(maxsize=1024)
def _partition(topic: str, partition: int) -> bytes:
    return encode_property(Property.USER_PROPERTY, ("kafka-topic", topic)) + encode_property(
        Property.USER_PROPERTY, ("kafka-partition", str(partition))
    )
