"""PUBACK, PUBREC, PUBREL and PUBCOMP as a client sends them (sections 3.4 to 3.7 of both specifications)."""

from __future__ import annotations

from adapter.errors import MalformedPacketError
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import decode_properties
from adapter.reasons import ReasonCode

_OF_PUBLISH = frozenset({0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99})
_OF_RELEASE = frozenset({0x00, 0x92})
# The reason codes that 5.0 allows, tables 3-4 to 3-7.
_CODES = {
    PacketType.PUBACK: _OF_PUBLISH,
    PacketType.PUBREC: _OF_PUBLISH,
    PacketType.PUBREL: _OF_RELEASE,
    PacketType.PUBCOMP: _OF_RELEASE,
}


def decode_acknowledgement(kind: PacketType, body: bytes, level: int) -> tuple[bytes, int]:
    """The packet identifier, as it stands on the wire, and the reason code of a packet without its fixed header.

    Raises ProtocolError.
    """
    reader = Reader(body)
    packet_id = reader.packet_id()
    code = int(ReasonCode.SUCCESS)
    if level == MQTT_5 and not reader.at_end:
        code = reader.u8()
        if code not in _CODES[kind]:
            raise MalformedPacketError(f"reason code 0x{code:02x} in a {kind.name} [MQTT-3.{kind.value}.2-1]")
        if not reader.at_end:
            decode_properties(reader.part(), kind)
    reader.finish()
    return packet_id, code
