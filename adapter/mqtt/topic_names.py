"""Topic names and topic filters (section 4.7 of both specifications)."""

from __future__ import annotations

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.primitives import utf8
from adapter.reasons import ReasonCode

SHARED = "$share/"


def check_topic_name(name: str) -> str:
    """The name, if a message may be published to it."""
    if not name:
        raise MalformedPacketError("an empty topic name [MQTT-4.7.3-1]")
    if "+" in name or "#" in name:
        raise ProtocolError(ReasonCode.TOPIC_NAME_INVALID, "a topic name with a wildcard [MQTT-3.3.2-2]")
    return name


def decode_topic_name(raw: bytes) -> str:
    """The topic name of a PUBLISH. Raises ProtocolError: 0x81 when it is no UTF-8, 0x90 when it has wildcards."""
    return check_topic_name(utf8(raw))


def check_topic_filter(text: str) -> None:
    """Raise ProtocolError when this cannot be subscribed to: wildcards must stand alone in their level, `#` in the last."""
    if not text:
        raise MalformedPacketError("an empty topic filter [MQTT-4.7.3-1]")
    if text.startswith(SHARED):
        name, slash, text = text[len(SHARED) :].partition("/")
        if not name or "+" in name or "#" in name or not slash or not text:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a shared subscription without its parts [MQTT-4.8.2-1]")
    levels = text.split("/")
    for number, level in enumerate(levels, start=1):
        if "#" in level and (level != "#" or number != len(levels)):
            raise MalformedPacketError("# that does not stand alone in the last level [MQTT-4.7.1-1]")
        if "+" in level and level != "+":
            raise MalformedPacketError("+ that does not stand alone in its level [MQTT-4.7.1-2]")
