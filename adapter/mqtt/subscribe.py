"""SUBSCRIBE and UNSUBSCRIBE (sections 3.8 and 3.10): decoded and validated, so that each filter can be refused."""

from __future__ import annotations

from adapter.errors import LimitError, MalformedPacketError, ProtocolError
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import decode_properties
from adapter.mqtt.topic_names import SHARED, check_topic_filter
from adapter.reasons import Limit, ReasonCode

MAX_FILTERS = 1000  # in one packet: decoding it must not take long
_QOS = 0x03
_QOS_3 = 3
_NO_LOCAL = 0x04
_RETAIN_HANDLING = 0x30
_RETAIN_HANDLING_3 = 0x30
_RESERVED_5 = 0xC0
_RESERVED_3_1_1 = 0xFC


def decode_subscribe(body: bytes, level: int) -> tuple[bytes, int]:
    """Return the packet identifier, as on the wire, and the number of filters. Raises ProtocolError."""
    reader, packet_id = _begin(body, level, PacketType.SUBSCRIBE)
    count = 0
    while not reader.at_end:
        shared = _check_filter(reader.text(), level)
        _check_options(reader.u8(), level, shared=shared)
        count = _one_more(count)
    return packet_id, count


def decode_unsubscribe(body: bytes, level: int) -> tuple[bytes, int]:
    """Return the packet identifier, as on the wire, and the number of filters. Raises ProtocolError."""
    reader, packet_id = _begin(body, level, PacketType.UNSUBSCRIBE)
    count = 0
    while not reader.at_end:
        _check_filter(reader.text(), level)
        count = _one_more(count)
    return packet_id, count


def _one_more(count: int) -> int:
    if count >= MAX_FILTERS:
        raise LimitError(ReasonCode.QUOTA_EXCEEDED, Limit.FILTERS, "too many topic filters in one packet")
    return count + 1


def _begin(body: bytes, level: int, packet: PacketType) -> tuple[Reader, bytes]:
    """Decode what both have in front of their filters, of which there must be at least one."""
    reader = Reader(body)
    packet_id = reader.packet_id()
    if level == MQTT_5:
        decode_properties(reader.part(), packet)
    if reader.at_end:
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "no topic filter [MQTT-3.8.3-3, 5.0: 3.8.3-2; 3.10.3-2]")
    return reader, packet_id


def _check_filter(text: str, level: int) -> bool:
    """Check a topic filter. Returns whether it is a shared subscription's, which only 5.0 has."""
    shared = level == MQTT_5 and text.startswith(SHARED)
    check_topic_filter(text, shared=shared)
    return shared


def _check_options(options: int, level: int, *, shared: bool) -> None:
    """Check the subscription options (5.0 section 3.8.3.1); in 3.1.1 all bits but the QoS are reserved."""
    reserved = _RESERVED_5 if level == MQTT_5 else _RESERVED_3_1_1
    if options & reserved:
        raise MalformedPacketError("reserved subscription options [MQTT-3-8.3-4, 5.0: 3.8.3-5]")
    if options & _QOS == _QOS_3:
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a subscription with QoS 3 [MQTT-3-8.3-4] (5.0: 3.8.3.1)")
    if options & _RETAIN_HANDLING == _RETAIN_HANDLING_3:
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "Retain Handling 3 (3.8.3.1)")
    if shared and options & _NO_LOCAL:
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "No Local on a shared subscription [MQTT-3.8.3-4]")
