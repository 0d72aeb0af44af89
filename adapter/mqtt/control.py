"""Control packets of an open session other than CONNECT and PUBLISH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.acknowledgement import decode_acknowledgement
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.disconnect import decode_disconnect
from adapter.mqtt.kept_sessions import LONGEST
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.replies import PINGRESP, encode_ack, encode_suback, encode_unsuback
from adapter.mqtt.subscribe import decode_subscribe, decode_unsubscribe
from adapter.reasons import CloseCause, ReasonCode

if TYPE_CHECKING:
    from adapter.mqtt.session import Session


_REFUSES = 0x80  # the lowest reason code of a failure


def take_control_packet(session: Session, kind: PacketType, body: bytes) -> None:
    """Answer the packet, or end the session. Raises ProtocolError."""
    level = session.level
    match kind:
        case PacketType.PINGREQ:
            if body:
                raise MalformedPacketError("a PINGREQ has no body")
            session.reply(PINGRESP)  # [MQTT-3.12.4-1]
        case PacketType.DISCONNECT:
            _disconnect(session, body)
        case PacketType.SUBSCRIBE:
            # There is nothing to subscribe to. Every filter is refused; the connection stays open [MQTT-3.8.4-1].
            packet_id, count = decode_subscribe(body, level)
            _answer(session, encode_suback(level, packet_id, count, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR))
        case PacketType.UNSUBSCRIBE:
            packet_id, count = decode_unsubscribe(body, level)  # [MQTT-3.10.4-4]
            _answer(session, encode_unsuback(level, packet_id, count, ReasonCode.NO_SUBSCRIPTION_EXISTED))
        case PacketType.PUBREL:
            packet_id, _ = decode_acknowledgement(kind, body, level)
            _release(session, packet_id)
        case PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBCOMP:
            _take_stray_acknowledgement(session, kind, body)
        case _:
            # packets that only servers send, and AUTH without an authentication method
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"{kind.name} is not expected here")


def _answer(session: Session, packet: bytes) -> None:
    """Answer; if the answer is too large [MQTT-3.1.2-24], end the session, because the device would wait for ever."""
    limit = session.peer_packet_limit
    if limit is not None and len(packet) > limit:
        raise ProtocolError(ReasonCode.PACKET_TOO_LARGE, "the answer is larger than the client's Maximum Packet Size")
    session.reply(packet)


def _take_stray_acknowledgement(session: Session, kind: PacketType, body: bytes) -> None:
    """Ignore it: the server never sends a PUBLISH, so the device remembers it from another server.

    A PUBREC is answered, so that the device discards it [MQTT-4.3.3-4], unless it is a refusal itself.
    """
    packet_id, said = decode_acknowledgement(kind, body, session.level)
    if kind is PacketType.PUBREC and said < _REFUSES:
        code = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND if session.level == MQTT_5 else ReasonCode.SUCCESS
        session.reply(encode_ack(PacketType.PUBREL, packet_id, code))


def _release(session: Session, packet_id: bytes) -> None:
    """Answer every PUBREL, also of an unknown identifier [MQTT-4.3.3-2, 5.0: 4.3.3-11]."""
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
    session.end(None, CloseCause.CLIENT_DISCONNECT)
