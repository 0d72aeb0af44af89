"""What becomes of a packet that is neither CONNECT nor PUBLISH, in an open session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.disconnect import decode_disconnect
from adapter.mqtt.exactly_once import decode_pubrel
from adapter.mqtt.kept_sessions import LONGEST
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.replies import PINGRESP, encode_ack, encode_suback, encode_unsuback
from adapter.mqtt.subscribe import decode_subscribe, decode_unsubscribe
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from adapter.mqtt.session import Session


def take_control_packet(session: Session, kind: PacketType, body: bytes) -> None:
    """Answer the packet, or close for it. Raises ProtocolError."""
    level = session.level
    match kind:
        case PacketType.PINGREQ:
            if body:
                raise MalformedPacketError("a PINGREQ has no body")
            session.reply(PINGRESP)  # [MQTT-3.12.4-1]
        case PacketType.DISCONNECT:
            _disconnect(session, body)
        case PacketType.SUBSCRIBE:
            # There is nothing to subscribe to. Every filter is refused; the connection goes on [MQTT-3.8.4-1].
            packet_id, count = decode_subscribe(body, level)
            session.reply(encode_suback(level, packet_id, count, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR))
        case PacketType.UNSUBSCRIBE:
            packet_id, count = decode_unsubscribe(body, level)  # [MQTT-3.10.4-4]
            session.reply(encode_unsuback(level, packet_id, count, ReasonCode.NO_SUBSCRIPTION_EXISTED))
        case PacketType.PUBREL:
            _release(session, decode_pubrel(body, level))
        case _:
            # Acknowledgements of what we never sent, packets that only servers send, AUTH without a method.
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"{kind.name} is not expected here")


def _release(session: Session, packet_id: bytes) -> None:
    """Whatever it is: the device has to hear that it is free [MQTT-4.3.3-2, 5.0: 4.3.3-11]."""
    code = ReasonCode.SUCCESS
    if not session.release(packet_id) and session.level == MQTT_5:
        code = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
    session.reply(encode_ack(PacketType.PUBCOMP, packet_id, code))


def _disconnect(session: Session, body: bytes) -> None:
    disconnect = decode_disconnect(body, session.level)
    if disconnect.session_expiry and not session.session_expiry:  # 5.0 section 3.14.2.2.2
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a session expiry after one of 0 in the CONNECT")
    if disconnect.session_expiry is not None:
        session.session_expiry = min(disconnect.session_expiry, LONGEST)
    if disconnect.code is ReasonCode.SUCCESS:
        session.frontend.wills.discard(session)
    session.end(None, "client_disconnect")
