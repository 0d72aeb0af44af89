"""The routes of one connection's messages: each new topic is looked up, and its route cached.

A look-up may take a while (plugins, Kafka's metadata); everything behind it waits, in order.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.model import PublishHeader, Refusal
from adapter.mqtt.pause import Pause
from adapter.mqtt.topic_names import decode_topic_name
from adapter.mqtt.turns import LOOKUP
from adapter.reasons import Limit, Reason, ReasonCode
from adapter.runs import Route

if TYPE_CHECKING:
    from adapter.model import Identity, PublishProperties
    from adapter.mqtt.frontend import MqttConfig
    from adapter.mqtt.ports import LookUp
    from adapter.mqtt.session import Session

RETAIN = 0x01
QOS_BITS = 0x06
# Bytes of a topic and its properties together: a bound on what one connection can cache.
LARGEST_REMEMBERED = 2048

_TOO_MANY_PROPERTIES = Refusal(Reason.LIMIT, "more user properties than this server takes")
_TOPIC_TOO_DEEP = Refusal(Reason.BAD_TOPIC, "the topic has more levels than this server allows")
_TOPIC_TOO_LONG = Refusal(Reason.BAD_TOPIC, "the topic is longer than this server allows")

# First byte without DUP, topic name, and the raw property list.
Key = tuple[int, bytes, bytes]


def topic_name(topic: bytes) -> str:
    """The topic name of a PUBLISH after its topic alias was resolved. Raises ProtocolError."""
    if not topic:  # 5.0 section 3.3.2.1
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "neither a topic nor a topic alias")
    return decode_topic_name(topic)


def topic_beyond_limits(topic: bytes, config: MqttConfig) -> tuple[Limit, Refusal] | None:
    """The limit that the topic name of a PUBLISH or a Will exceeds, and how it is refused."""
    if len(topic) > config.max_topic_length:
        return Limit.TOPIC_LENGTH, _TOPIC_TOO_LONG
    if topic.count(b"/") >= config.limits.topic_levels:
        return Limit.TOPIC_LEVELS, _TOPIC_TOO_DEEP
    return None


class Lookups:
    """The look-ups of one open session."""

    __slots__ = ("_cache", "_identity", "_look_up", "_resolved", "_session", "paid")

    def __init__(self, session: Session, identity: Identity) -> None:
        self._session = session
        self._identity = identity
        self._cache: dict[Key, Route] = {}
        self._look_up: LookUp | None = None
        self._resolved: tuple[Key, Route | Refusal] | None = None
        self.paid = False  # for the turn of the next look-up, with the parsing of its properties

    def route(self, key: Key, properties: PublishProperties) -> Route | Refusal | None:
        """The route of a message, or its refusal; None: the connection waits, and will ask again.

        Raises ProtocolError.
        """
        route = self._cache.get(key)
        if route is None or route.lane.retired:
            return self._resolve(key, properties)
        return route

    def _resolve(self, key: Key, properties: PublishProperties) -> Route | Refusal | None:
        kind, topic, raw = key
        frontend = self._session.frontend
        result = self._take_resolved(key)
        if result is None:
            paid, self.paid = self.paid, False
            if not paid and not frontend.turns.take(LOOKUP):
                self._session.yield_turn()
                return None
            name = topic_name(topic)
            config = frontend.config
            beyond = topic_beyond_limits(topic, config)
            if beyond is not None:
                return self._limited(*beyond)
            if len(properties.user_properties) > config.limits.user_properties:
                return self._limited(Limit.USER_PROPERTIES, _TOO_MANY_PROPERTIES)
            header = PublishHeader(name, (kind & QOS_BITS) >> 1, bool(kind & RETAIN), properties)
            found = frontend.gate.resolve(self._identity, header, partial(self._on_resolved, key))
            if not isinstance(found, Route | Refusal):
                self._look_up = found
                self._session.pause(Pause.LOOKUP)
                return None
            result = found
        if isinstance(result, Route) and len(topic) + len(raw) <= LARGEST_REMEMBERED:
            if len(self._cache) >= frontend.config.routes_cached:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = result
        return result

    def _limited(self, limit: Limit, refusal: Refusal) -> Refusal:
        self._session.frontend.limited(limit, self._session.peer.address, self._session.client_id)
        return refusal

    def _take_resolved(self, key: Key) -> Route | Refusal | None:
        """The result of the last look-up, unless its lane was retired meanwhile."""
        if self._resolved is None or self._resolved[0] != key:
            return None
        result = self._resolved[1]
        self._resolved = None
        return None if isinstance(result, Route) and result.lane.retired else result

    def cancel(self) -> None:
        """The connection has ended."""
        if self._look_up is not None:
            self._look_up.cancel()
            self._look_up = None

    def _on_resolved(self, key: Key, result: Route | Refusal) -> None:
        self._look_up = None
        self._resolved = (key, result)
        self._session.resume(Pause.LOOKUP)
