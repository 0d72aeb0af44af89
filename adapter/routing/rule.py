"""A route of the routes file: which MQTT topics it takes, and what their records look like.

Two captures have a meaning: `{device}` is the device whose record it is, and becomes the header `device_id`;
`{tenant}` is its tenant. Where the credentials of a connection name a device, these two must agree with them, as in
Hono's grammar; and a route with `{tenant}` takes no authenticated connection whose credentials name none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError
from adapter.routing.kafka_names import MAX_LENGTH, illegal_character, topic_problem
from adapter.routing.record import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.model import Delivery
    from adapter.routing.template import Template
    from adapter.routing.topic_filter import TopicFilter

# What every route may use besides its own captures.
GIVEN = frozenset({"client_id", "username", "topic"})


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One `[[route]]`; raises ConfigurationError when its parts do not fit together.

    `content_type` is used where a message brings none; `delivery` is None where the operator's general setting applies.
    """

    name: str
    mqtt: TopicFilter
    kafka_topic: Template
    key: Template
    headers: tuple[tuple[str, Template], ...] = ()
    content_type: str | None = None
    delivery: Delivery | None = None

    def __post_init__(self) -> None:
        if problems := tuple(self._problems()):
            raise ConfigurationError(*problems)

    @property
    def placeholders(self) -> frozenset[str]:
        """All that its targets use."""
        return frozenset().union(*(template.placeholders for _, template in self._targets()))

    def _targets(self) -> Iterator[tuple[str, Template]]:
        yield "kafka_topic", self.kafka_topic
        yield "key", self.key
        for name, template in self.headers:
            yield f"headers.{name}", template

    def _problems(self) -> Iterator[str]:
        for name in sorted(self.mqtt.names & GIVEN):
            yield f"mqtt: {{{name}}} always means the connection's own; give the capture another name"
        known = self.mqtt.names | GIVEN
        for target, template in self._targets():
            for name in sorted(template.placeholders - known):
                yield (
                    f"{target}: {{{name}}} is unknown; there are "
                    + ", ".join(f"{{{known_name}}}" for known_name in sorted(known))
                )
        yield from self._topic_problems()
        if not self.key.source:
            yield "key: is empty; the key keeps a device's records in order, for example {client_id}"
        for name, _ in self.headers:
            if name in RESERVED:
                yield f"headers.{name}: the adapter writes this header itself; choose another name"
            elif not name:
                yield "headers: a header has no name"

    def _topic_problems(self) -> Iterator[str]:
        literal = self.kafka_topic.literal
        if not self.kafka_topic.placeholders:
            if problem := topic_problem(literal):
                yield f"kafka_topic: {literal!r} {problem}"
        elif character := illegal_character(literal):
            yield f"kafka_topic: {literal!r} has the character {character!a}, Kafka allows a-z A-Z 0-9 . _ -"
        elif len(literal) >= MAX_LENGTH:
            yield f"kafka_topic: has {len(literal)} characters without its placeholders, Kafka allows {MAX_LENGTH}"
