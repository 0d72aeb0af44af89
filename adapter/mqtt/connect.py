"""The CONNECT packet (section 3.1 of both specifications)."""

from __future__ import annotations

from adapter.errors import ConnectRefusedError, MalformedPacketError, ProtocolError
from adapter.model import Connect, Will
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import NONE, WILL, Property, decode_properties
from adapter.mqtt.publish import of_message
from adapter.mqtt.topic_names import check_topic_name
from adapter.reasons import ReasonCode

MQTT_3_1_1 = 4
MQTT_5 = 5
_NAME_3_1 = b"MQIsdp"
_NAME = b"MQTT"
_BRIDGE = 0x80

# Connect Flags (3.1.2.3)
_RESERVED = 0x01
_CLEAN = 0x02
_WILL_FLAG = 0x04
_WILL_QOS = 0x18
_WILL_RETAIN = 0x20
_PASSWORD = 0x40
_USER_NAME = 0x80
_QOS_3 = 3


def peek_level(body: bytes) -> int | None:
    """The protocol level, 4 or 5, in which to refuse this CONNECT; None if it is not MQTT. Never raises."""
    size = int.from_bytes(body[:2], "big")
    if len(body) <= 2 + size or body[2 : 2 + size] not in (_NAME, _NAME_3_1):
        return None
    # A mosquitto bridge first sets the top bit; it tries again without it only after 3.1.1's return code 1.
    return MQTT_5 if body[2 + size] & ~_BRIDGE >= MQTT_5 else MQTT_3_1_1


def decode_connect(body: bytes) -> Connect:
    """Decode a CONNECT without its fixed header.

    Raises ConnectRefusedError if the standard has a CONNACK code for the fault, else ProtocolError.
    """
    reader = Reader(body)
    name = reader.binary()
    if name not in (_NAME, _NAME_3_1):
        raise ProtocolError(ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, "not MQTT [MQTT-3.1.2-1]")
    level = reader.u8()
    if name != _NAME or level not in (MQTT_3_1_1, MQTT_5):  # [MQTT-3.1.2-2]
        raise ConnectRefusedError(ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, "this server speaks MQTT 3.1.1 and 5.0")
    flags = reader.u8()
    _check_flags(flags, level)
    keep_alive = reader.u16()
    properties = decode_properties(reader.part(), PacketType.CONNECT) if level == MQTT_5 else NONE
    client_id = reader.text()
    clean = bool(flags & _CLEAN)
    will = _will(reader, flags, level) if flags & _WILL_FLAG else None
    username = reader.text() if flags & _USER_NAME else None
    password = reader.binary() if flags & _PASSWORD else None
    reader.finish()
    method = properties.get(Property.AUTHENTICATION_METHOD)
    if method is None and properties.get(Property.AUTHENTICATION_DATA) is not None:
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "authentication data without a method (3.1.2.11.10)")
    if level == MQTT_3_1_1 and not client_id and not clean:  # [MQTT-3.1.3-8]
        raise ConnectRefusedError(
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID, "an empty client identifier needs Clean Session"
        )
    return Connect(
        level=level,
        client_id=client_id,
        clean_start=clean,
        keep_alive=keep_alive,
        username=username,
        password=password,
        will=will,
        # The defaults of absent properties are those of section 3.1.2.11.
        session_expiry=properties.get(Property.SESSION_EXPIRY_INTERVAL, 0),
        receive_maximum=properties.get(Property.RECEIVE_MAXIMUM, 65_535),
        maximum_packet_size=properties.get(Property.MAXIMUM_PACKET_SIZE),
        topic_alias_maximum=properties.get(Property.TOPIC_ALIAS_MAXIMUM, 0),
        request_response_information=bool(properties.get(Property.REQUEST_RESPONSE_INFORMATION, 0)),
        request_problem_information=bool(properties.get(Property.REQUEST_PROBLEM_INFORMATION, 1)),
        user_properties=properties.user,
        authentication_method=method,
    )


def _check_flags(flags: int, level: int) -> None:
    if flags & _RESERVED:
        raise MalformedPacketError("the reserved Connect Flag is set [MQTT-3.1.2-3]")
    qos = (flags & _WILL_QOS) >> 3
    if qos == _QOS_3:
        raise MalformedPacketError("Will QoS 3 [MQTT-3.1.2-14, 5.0: 3.1.2-12]")
    if not flags & _WILL_FLAG and flags & (_WILL_QOS | _WILL_RETAIN):
        raise MalformedPacketError("Will flags without a Will [MQTT-3.1.2-13, -15, 5.0: 3.1.2-11, -13]")
    if level == MQTT_3_1_1 and flags & _PASSWORD and not flags & _USER_NAME:
        raise MalformedPacketError("a password without a user name [MQTT-3.1.2-22]")


def _will(reader: Reader, flags: int, level: int) -> Will:
    properties = decode_properties(reader.part(), WILL) if level == MQTT_5 else NONE
    return Will(
        topic=check_topic_name(reader.text()),
        payload=reader.binary(),
        qos=(flags & _WILL_QOS) >> 3,
        retain=bool(flags & _WILL_RETAIN),
        delay=properties.get(Property.WILL_DELAY_INTERVAL, 0),
        properties=of_message(properties),
    )
