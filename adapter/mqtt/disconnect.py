"""The DISCONNECT that a client sends (section 3.14)."""

from __future__ import annotations

from dataclasses import dataclass

from adapter.errors import MalformedPacketError
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import NONE, Property, decode_properties
from adapter.reasons import ReasonCode

# The reason codes that a client may send (5.0 table 3-10).
_FROM_CLIENT = frozenset(
    {
        ReasonCode.SUCCESS,
        ReasonCode.DISCONNECT_WITH_WILL,
        ReasonCode.UNSPECIFIED_ERROR,
        ReasonCode.MALFORMED_PACKET,
        ReasonCode.PROTOCOL_ERROR,
        ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
        ReasonCode.TOPIC_NAME_INVALID,
        ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
        ReasonCode.TOPIC_ALIAS_INVALID,
        ReasonCode.PACKET_TOO_LARGE,
        ReasonCode.MESSAGE_RATE_TOO_HIGH,
        ReasonCode.QUOTA_EXCEEDED,
        ReasonCode.ADMINISTRATIVE_ACTION,
        ReasonCode.PAYLOAD_FORMAT_INVALID,
    }
)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """`session_expiry` is in seconds; None: as in the CONNECT."""

    code: ReasonCode = ReasonCode.SUCCESS
    session_expiry: int | None = None


def decode_disconnect(body: bytes, level: int) -> Disconnect:
    """Decode a DISCONNECT without its fixed header. Raises ProtocolError."""
    if level != MQTT_5:
        if body:
            raise MalformedPacketError("a DISCONNECT has no body in MQTT 3.1.1 (3.14)")
        return Disconnect()
    if not body:  # the same as reason code 0 (3.14.2.1)
        return Disconnect()
    reader = Reader(body)
    code = reader.u8()
    if code not in _FROM_CLIENT:
        raise MalformedPacketError(f"reason code 0x{code:02x} in a DISCONNECT [MQTT-3.14.2-1]")
    properties = NONE if reader.at_end else decode_properties(reader.part(), PacketType.DISCONNECT)
    reader.finish()
    return Disconnect(ReasonCode(code), properties.get(Property.SESSION_EXPIRY_INTERVAL))
