"""The packets that the server sends (sections 3.2, 3.4 to 3.7, 3.9, 3.11, 3.13, 3.14).

A Reason String that would make a packet larger than the client accepts is left out
[MQTT-3.2.2-19, 3.4.2-2, 3.14.2-3]. `limit` is the client's Maximum Packet Size in bytes, or None.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.packet_types import FIXED_FLAGS, PacketType
from adapter.mqtt.primitives import encode_varint
from adapter.mqtt.properties import Property, encode_property
from adapter.reasons import ReasonCode

PINGRESP = b"\xd0\x00"
_REFUSED_3_1_1 = 0x80  # SUBACK return code "Failure" (3.1.1 section 3.9.3)

# CONNACK return codes of 3.1.1 (section 3.2.2.3) by reason code of 5.0; all others become "Server unavailable".
_RETURN_CODES = {
    ReasonCode.SUCCESS: 0,
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: 1,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: 2,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: 4,
    ReasonCode.NOT_AUTHORIZED: 5,
    ReasonCode.BANNED: 5,
    # A Will that is refused for good: "not authorized" is the only code that does not invite another attempt.
    ReasonCode.TOPIC_NAME_INVALID: 5,
    ReasonCode.PAYLOAD_FORMAT_INVALID: 5,
    ReasonCode.PACKET_TOO_LARGE: 5,
    ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR: 5,
}
_UNAVAILABLE = 3


@dataclass(frozen=True, slots=True)
class ConnackProperties:
    """The properties of a 5.0 CONNACK (section 3.2.2.3); None: absent, which means the standard's default."""

    session_expiry: int | None = None
    receive_maximum: int | None = None
    maximum_packet_size: int | None = None
    assigned_client_identifier: str | None = None
    topic_alias_maximum: int | None = None
    server_keep_alive: int | None = None
    reason_string: str | None = None
    user_property: tuple[str, str] | None = None


_CONNACK = {
    "session_expiry": Property.SESSION_EXPIRY_INTERVAL,
    "receive_maximum": Property.RECEIVE_MAXIMUM,
    "maximum_packet_size": Property.MAXIMUM_PACKET_SIZE,
    "assigned_client_identifier": Property.ASSIGNED_CLIENT_IDENTIFIER,
    "topic_alias_maximum": Property.TOPIC_ALIAS_MAXIMUM,
    "server_keep_alive": Property.SERVER_KEEP_ALIVE,
    "user_property": Property.USER_PROPERTY,
}
_NO_PROPERTIES = ConnackProperties()


def encode_connack(
    level: int,
    code: ReasonCode,
    *,
    session_present: bool = False,
    properties: ConnackProperties = _NO_PROPERTIES,
    limit: int | None = None,
) -> bytes:
    """A CONNACK of the client's protocol level."""
    if level != MQTT_5:
        return bytes([PacketType.CONNACK << 4, 2, session_present, _RETURN_CODES.get(code, _UNAVAILABLE)])
    listed = b"".join(
        encode_property(_CONNACK[field.name], value)
        for field in fields(properties)
        if field.name in _CONNACK and (value := getattr(properties, field.name)) is not None
    )
    head = bytes([session_present, code])
    return _explained(PacketType.CONNACK, head, listed, properties.reason_string, limit) or _packet(
        PacketType.CONNACK, head + encode_varint(len(listed)) + listed
    )


def encode_ack(
    kind: PacketType,
    packet_id: bytes,
    code: ReasonCode = ReasonCode.SUCCESS,
    reason_string: str | None = None,
    *,
    limit: int | None = None,
) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP; in 3.1.1 they have no reason code."""
    if code is ReasonCode.SUCCESS:
        return _packet(kind, packet_id)
    head = packet_id + bytes(
        [code]
    )  # without properties the property length is omitted (3.4.2.2.1, 3.5.2.2.1, 3.6.2.2.1, 3.7.2.2.1)
    return _explained(kind, head, b"", reason_string, limit) or _packet(kind, head)


def encode_suback(level: int, packet_id: bytes, count: int, code: ReasonCode) -> bytes:
    """A SUBACK that refuses `count` filters [MQTT-3.8.4-5, 5.0: 3.8.4-6]."""
    if level == MQTT_5:
        return _packet(PacketType.SUBACK, packet_id + b"\0" + bytes([code]) * count)
    return _packet(PacketType.SUBACK, packet_id + bytes([_REFUSED_3_1_1]) * count)


def encode_unsuback(level: int, packet_id: bytes, count: int, code: ReasonCode) -> bytes:
    """An UNSUBACK for `count` filters."""
    if level == MQTT_5:
        return _packet(PacketType.UNSUBACK, packet_id + b"\0" + bytes([code]) * count)
    return _packet(PacketType.UNSUBACK, packet_id)


def encode_disconnect(code: ReasonCode, reason_string: str | None = None, *, limit: int | None = None) -> bytes:
    """A DISCONNECT with the reason; 5.0 only."""
    head = bytes([code])  # without properties the property length is omitted (3.14.2.2.1)
    return _explained(PacketType.DISCONNECT, head, b"", reason_string, limit) or _packet(PacketType.DISCONNECT, head)


def _packet(kind: PacketType, body: bytes) -> bytes:
    return bytes([kind << 4 | FIXED_FLAGS[kind]]) + encode_varint(len(body)) + body


def _explained(
    kind: PacketType, head: bytes, listed: bytes, reason_string: str | None, limit: int | None
) -> bytes | None:
    """The packet with the Reason String added to its properties; None if there is none, or no room for it."""
    if reason_string is None:
        return None
    listed += encode_property(Property.REASON_STRING, reason_string)
    packet = _packet(kind, head + encode_varint(len(listed)) + listed)
    return packet if limit is None or len(packet) <= limit else None
