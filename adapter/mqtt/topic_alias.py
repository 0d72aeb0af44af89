"""The properties and topic aliases of PUBLISH packets in MQTT 5.0 (section 3.3.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.mqtt.publish import decode_publish_properties
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from adapter.model import PublishProperties

# Bytes of all property lists of one connection that are cached; decoded, the shortest user properties take twenty times
# as much.
REMEMBERED = 4096
# Stored instead of a topic that is longer than the limit, so that no memory is held for it; a message with the alias is
# refused for the length of its topic all the same.
TOO_LONG = b"-" * 65_535


class PublishPrefixes:
    """The topic aliases of one connection, and a cache of its property lists."""

    __slots__ = ("_aliases", "_highest_alias", "_longest_topic", "_most", "_parsed", "_size")

    def __init__(self, highest_alias: int, longest_topic: int, most: int) -> None:
        self._aliases: dict[int, bytes] = {}
        self._highest_alias = highest_alias
        self._longest_topic = longest_topic
        self._most = most
        self._parsed: dict[bytes, PublishProperties] = {}
        self._size = 0  # of its keys

    def topic(self, topic: bytes, properties: PublishProperties) -> bytes:
        """The topic of a message: the packet's own, or the one of its alias. Raises ProtocolError."""
        alias = properties.topic_alias
        return topic if alias is None else self._stands_for(alias, topic)

    def known(self, properties: bytes) -> PublishProperties | None:
        """This property list, without its length, if it need not be decoded."""
        return self._parsed.get(properties)

    def decode(self, properties: bytes) -> PublishProperties:
        """Decode a property list that is not `known`. Raises ProtocolError."""
        parsed = decode_publish_properties(properties)
        if len(properties) > REMEMBERED:
            return parsed
        self._size += len(properties)
        if len(self._parsed) >= self._most or self._size > REMEMBERED:
            self._parsed.clear()
            self._size = len(properties)
        self._parsed[properties] = parsed
        return parsed

    def _stands_for(self, alias: int, topic: bytes) -> bytes:
        """The topic of a message with this alias; a topic in the same packet redefines the alias."""
        if alias > self._highest_alias:  # [MQTT-3.3.2-9]
            raise ProtocolError(ReasonCode.TOPIC_ALIAS_INVALID, "the topic alias is above Topic Alias Maximum")
        if topic:
            self._aliases[alias] = topic if len(topic) <= self._longest_topic else TOO_LONG
            return topic
        try:
            return self._aliases[alias]
        except KeyError:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "the topic alias is not defined") from None
