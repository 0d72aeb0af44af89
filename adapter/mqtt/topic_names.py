"""Topic names and topic filters (section 4.7 of both specifications).

Those that break the rules are malformed: in 5.0 the codes 0x8F and 0x90 are for those that are "correctly formed, but
not accepted" (table 3-10).
"""

from __future__ import annotations

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.primitives import utf8
from adapter.reasons import ReasonCode

SHARED = "$share/"


def check_topic_name(name: str) -> str:
    """Check the topic name of a PUBLISH, a Will or a response [MQTT-3.3.2-2, 3.3.2-14], and return it."""
    if not name:
        raise MalformedPacketError("an empty topic name [MQTT-4.7.3-1]")
    if "+" in name or "#" in name:
        raise MalformedPacketError("a topic name with a wildcard [MQTT-4.7.1-1, 5.0: 4.7.0-1]")
    return name


def decode_topic_name(raw: bytes) -> str:
    """The topic name of a PUBLISH. Raises MalformedPacketError."""
    return check_topic_name(utf8(raw))


def check_topic_filter(text: str, *, shared: bool) -> None:
    """Raise ProtocolError if this is no valid topic filter; `shared`: whether it is a shared subscription's (5.0)."""
    if not text:
        raise MalformedPacketError("an empty topic filter [MQTT-4.7.3-1]")
    if shared:
        name, _, text = text[len(SHARED) :].partition("/")
        if not name or "+" in name or "#" in name or not text:
            raise ProtocolError(
                ReasonCode.PROTOCOL_ERROR, "a shared subscription without its parts [MQTT-4.8.2-1, 4.8.2-2]"
            )
    if "#" not in text and "+" not in text:
        return
    # Not level by level: a filter may have 65,535.
    levels = "/" + text.replace("/", "//") + "/"  # each between two slashes of its own
    if "#" in text and (levels.count("#") > 1 or not levels.endswith("/#/")):
        raise MalformedPacketError("# that does not stand alone in the last level [MQTT-4.7.1-2, 5.0: 4.7.1-1]")
    if levels.count("+") != levels.count("/+/"):
        raise MalformedPacketError("+ that does not stand alone in its level [MQTT-4.7.1-3, 5.0: 4.7.1-2]")
