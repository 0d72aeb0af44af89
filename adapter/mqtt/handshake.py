"""Answers to a CONNECT: accepted, with the server's limits, or refused, with a reason (section 3.2 of both)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapter.errors import ConnectRefusedError
from adapter.mqtt.connect import MQTT_3_1_1, MQTT_5, peek_level
from adapter.mqtt.kept_sessions import LONGEST
from adapter.mqtt.receipts import ASKS, asks_for_receipts
from adapter.mqtt.replies import ConnackProperties, encode_connack
from adapter.reasons import Limit, ReasonCode

if TYPE_CHECKING:
    from adapter.model import Connect
    from adapter.mqtt.frontend import Frontend, MqttConfig

STOPPING = ConnectRefusedError(ReasonCode.SERVER_UNAVAILABLE, "this server is stopping")
FULL = ConnectRefusedError(ReasonCode.QUOTA_EXCEEDED, "this server has as many connections as it may")
# Bytes of a client identifier, and of a user name: a kept session holds both for up to a day. A server must accept
# client identifiers of 1 to 23 bytes [MQTT-3.1.3-5], and may refuse others [MQTT-3.1.3-9, 5.0: 3.1.3-8].
LONGEST_NAME = 1024


def level_to_answer_in(body: bytes) -> int:
    """The protocol version in which to refuse a CONNECT that could not be decoded: the client's, if we support it."""
    return MQTT_5 if peek_level(body) == MQTT_5 else MQTT_3_1_1


def keep_alive(connect: Connect, config: MqttConfig) -> int:
    """The keep-alive in seconds; a 5.0 client is told if it is not the one it asked for [MQTT-3.2.2-21]."""
    most = config.server_keep_alive
    if connect.level != MQTT_5 or most is None or 0 < connect.keep_alive <= most:
        return connect.keep_alive
    return most


def reason_to_refuse(
    connect: Connect, frontend: Frontend, address: str, *, assigned: bool
) -> ConnectRefusedError | None:
    """Why a well-formed CONNECT is refused before authentication, if it is; `assigned` as for `accepted`."""
    if connect.authentication_method is not None:  # [MQTT-4.12.0-1]
        return ConnectRefusedError(ReasonCode.BAD_AUTHENTICATION_METHOD, "enhanced authentication is not offered")
    refusal = _limited(connect, frontend, address)
    if refusal is not None:
        return refusal
    if frontend.draining:
        return STOPPING
    if (
        connect.maximum_packet_size is not None
        and len(accepted(connect, frontend.config, assigned=assigned)) > connect.maximum_packet_size
    ):
        # The CONNACK must state our limits, and no packet may exceed the client's maximum [MQTT-3.1.2-24].
        return ConnectRefusedError(
            ReasonCode.PACKET_TOO_LARGE, "the client's Maximum Packet Size leaves no room for a CONNACK"
        )
    return None


def _limited(connect: Connect, frontend: Frontend, address: str) -> ConnectRefusedError | None:
    limit: Limit | None
    code = ReasonCode.QUOTA_EXCEEDED
    of_will = connect.will.properties.user_properties if connect.will is not None else ()
    if len(connect.client_id.encode()) > LONGEST_NAME:
        limit, text = Limit.CLIENT_ID_LENGTH, "the client identifier is longer than this server takes"
        code = ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
    elif connect.username is not None and len(connect.username.encode()) > LONGEST_NAME:
        limit, text = Limit.USER_NAME_LENGTH, "the user name is longer than this server takes"
        code = ReasonCode.BAD_USER_NAME_OR_PASSWORD
    elif max(len(connect.user_properties), len(of_will)) > frontend.config.limits.user_properties:
        limit, text = Limit.USER_PROPERTIES, "more user properties than this server takes"
    else:
        limit = frontend.addresses.connect(address)
        code, text = ReasonCode.CONNECTION_RATE_EXCEEDED, "too many CONNECT packets a second"
    if limit is None:
        return None
    frontend.counters.limited[limit] += 1
    return ConnectRefusedError(code, text)


def accepted(connect: Connect, config: MqttConfig, *, assigned: bool, session_present: bool = False) -> bytes:
    """The CONNACK that accepts; `assigned`: whether the server chose the client identifier."""
    if connect.level != MQTT_5:
        return encode_connack(connect.level, ReasonCode.SUCCESS, session_present=session_present)
    properties = ConnackProperties(
        # Sent if the client asked for more (5.0 section 3.2.2.3.2).
        session_expiry=LONGEST if connect.session_expiry > LONGEST else None,
        receive_maximum=config.receive_maximum,
        maximum_packet_size=config.max_packet_size,
        assigned_client_identifier=connect.client_id if assigned else None,
        topic_alias_maximum=config.topic_alias_maximum,
        server_keep_alive=most if (most := keep_alive(connect, config)) != connect.keep_alive else None,
    )
    if config.kafka_receipt and asks_for_receipts(connect):
        told = replace(properties, user_property=ASKS)
        packet = encode_connack(MQTT_5, ReasonCode.SUCCESS, session_present=session_present, properties=told)
        if connect.maximum_packet_size is None or len(packet) <= connect.maximum_packet_size:  # [MQTT-3.2.2-20]
            return packet
    return encode_connack(MQTT_5, ReasonCode.SUCCESS, session_present=session_present, properties=properties)


def refused(level: int, error: ConnectRefusedError, *, reason_string: bool, limit: int | None) -> bytes:
    """The CONNACK that refuses, with a Reason String if the client allows it and it fits."""
    properties = ConnackProperties(reason_string=error.text if reason_string else None)
    return encode_connack(level, error.code, properties=properties, limit=limit)
