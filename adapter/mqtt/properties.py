"""The properties of MQTT 5.0 (section 2.2.2): identifiers, the packets they are allowed in, and their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

from adapter.errors import LimitError, MalformedPacketError, ProtocolError
from adapter.mqtt.limits import MAX_USER_PROPERTIES
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader, encode_text, encode_varint
from adapter.reasons import Limit, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable

WILL = 0  # in the table below, Will Properties count as a packet type


class Property(IntEnum):
    """Property identifiers (table 2-4)."""

    PAYLOAD_FORMAT_INDICATOR = 0x01
    MESSAGE_EXPIRY_INTERVAL = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY_INTERVAL = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY_INTERVAL = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


class Form(Enum):
    """The data type of a value."""

    FLAG = "flag"  # a byte that is 0 or 1
    U16 = "u16"
    U32 = "u32"
    VARINT = "varint"
    TEXT = "text"
    BINARY = "binary"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class _Rule:
    """The packets in which a client may send it, or only a server may, and the reason code for a value of 0."""

    form: Form
    packets: frozenset[int]
    from_server: frozenset[int] = frozenset()
    zero: ReasonCode | None = None


def _rule(form: Form, *packets: int, from_server: PacketType | None = None, zero: ReasonCode | None = None) -> _Rule:
    return _Rule(form, frozenset(packets), frozenset(() if from_server is None else (from_server,)), zero)


_P = PacketType
_ACKS = (_P.PUBACK, _P.PUBREC, _P.PUBREL, _P.PUBCOMP)
_RULES: dict[int, _Rule] = {
    Property.PAYLOAD_FORMAT_INDICATOR: _rule(Form.FLAG, _P.PUBLISH, WILL),
    Property.MESSAGE_EXPIRY_INTERVAL: _rule(Form.U32, _P.PUBLISH, WILL),
    Property.CONTENT_TYPE: _rule(Form.TEXT, _P.PUBLISH, WILL),
    Property.RESPONSE_TOPIC: _rule(Form.TEXT, _P.PUBLISH, WILL),
    Property.CORRELATION_DATA: _rule(Form.BINARY, _P.PUBLISH, WILL),
    Property.SUBSCRIPTION_IDENTIFIER: _rule(
        Form.VARINT, _P.SUBSCRIBE, from_server=_P.PUBLISH, zero=ReasonCode.PROTOCOL_ERROR
    ),  # [MQTT-3.3.4-6]
    Property.SESSION_EXPIRY_INTERVAL: _rule(Form.U32, _P.CONNECT, _P.DISCONNECT),
    Property.AUTHENTICATION_METHOD: _rule(Form.TEXT, _P.CONNECT, _P.AUTH),
    Property.AUTHENTICATION_DATA: _rule(Form.BINARY, _P.CONNECT, _P.AUTH),
    Property.REQUEST_PROBLEM_INFORMATION: _rule(Form.FLAG, _P.CONNECT),
    Property.WILL_DELAY_INTERVAL: _rule(Form.U32, WILL),
    Property.REQUEST_RESPONSE_INFORMATION: _rule(Form.FLAG, _P.CONNECT),
    Property.REASON_STRING: _rule(Form.TEXT, *_ACKS, _P.DISCONNECT, _P.AUTH),
    Property.RECEIVE_MAXIMUM: _rule(Form.U16, _P.CONNECT, zero=ReasonCode.PROTOCOL_ERROR),
    Property.TOPIC_ALIAS_MAXIMUM: _rule(Form.U16, _P.CONNECT),
    Property.TOPIC_ALIAS: _rule(Form.U16, _P.PUBLISH, zero=ReasonCode.TOPIC_ALIAS_INVALID),  # [MQTT-3.3.2-8]
    Property.USER_PROPERTY: _rule(
        Form.PAIR, *(_P.CONNECT, _P.PUBLISH, WILL, *_ACKS, _P.SUBSCRIBE, _P.UNSUBSCRIBE, _P.DISCONNECT, _P.AUTH)
    ),
    Property.MAXIMUM_PACKET_SIZE: _rule(Form.U32, _P.CONNECT, zero=ReasonCode.PROTOCOL_ERROR),
    Property.SERVER_REFERENCE: _rule(Form.TEXT, from_server=_P.DISCONNECT),
    # Only a CONNACK has these (section 2.2.2.2), and no client may send one.
    Property.ASSIGNED_CLIENT_IDENTIFIER: _rule(Form.TEXT),
    Property.SERVER_KEEP_ALIVE: _rule(Form.U16),
    Property.RESPONSE_INFORMATION: _rule(Form.TEXT),
    Property.MAXIMUM_QOS: _rule(Form.FLAG),
    Property.RETAIN_AVAILABLE: _rule(Form.FLAG),
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: _rule(Form.FLAG),
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: _rule(Form.FLAG),
    Property.SHARED_SUBSCRIPTION_AVAILABLE: _rule(Form.FLAG),
}


_READ: dict[Form, Callable[[Reader], Any]] = {
    Form.FLAG: Reader.u8,
    Form.U16: Reader.u16,
    Form.U32: Reader.u32,
    Form.VARINT: Reader.varint,
    Form.TEXT: Reader.text,
    Form.BINARY: Reader.binary,
}
# The forms of the properties that the server sends.
_WRITE: dict[Form, Callable[[Any], bytes]] = {
    Form.FLAG: lambda value: bytes([value]),
    Form.U16: lambda value: value.to_bytes(2, "big"),
    Form.U32: lambda value: value.to_bytes(4, "big"),
    Form.TEXT: encode_text,
    Form.PAIR: lambda value: encode_text(value[0]) + encode_text(value[1]),
}


@dataclass(frozen=True, slots=True)
class Properties:
    """A decoded property list: single values by identifier, and the user properties in order."""

    values: dict[Property, Any]
    user: tuple[tuple[str, str], ...]

    def get(self, name: Property, default: Any = None) -> Any:
        """The value, or the standard's default if it is absent."""
        return self.values.get(name, default)


NONE = Properties({}, ())


def decode_properties(reader: Reader, packet: int) -> Properties:
    """Decode a property list to the end of `reader`. Raises ProtocolError (2.2.2.2 and 4.13 say with which code)."""
    values: dict[Property, Any] = {}
    user: list[tuple[str, str]] = []
    while True:
        user += reader.pairs(Property.USER_PROPERTY, MAX_USER_PROPERTIES + 1 - len(user))  # every packet may have them
        if len(user) > MAX_USER_PROPERTIES:
            raise LimitError(ReasonCode.QUOTA_EXCEEDED, Limit.USER_PROPERTIES, "too many user properties")
        if reader.at_end:
            return Properties(values, tuple(user))
        identifier = reader.varint()
        rule = _RULES.get(identifier)
        if rule is None or packet not in rule.packets:
            text = f"property 0x{identifier:02x} is not allowed in this packet (2.2.2.2)"
            if rule is not None and packet in rule.from_server:  # it can be parsed, so it is not malformed (1.2)
                raise ProtocolError(ReasonCode.PROTOCOL_ERROR, text)
            raise MalformedPacketError(text)
        name = Property(identifier)
        value = _READ[rule.form](reader)
        if name in values:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"property 0x{identifier:02x} appears twice")
        if rule.form is Form.FLAG and value > 1:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"property 0x{identifier:02x} is neither 0 nor 1")
        if rule.zero is not None and value == 0:
            raise ProtocolError(rule.zero, f"property 0x{identifier:02x} is 0")
        values[name] = value


def encode_property(name: Property, value: Any) -> bytes:
    """Encode one property."""
    return encode_varint(name) + _WRITE[_RULES[name].form](value)
