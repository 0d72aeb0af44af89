"""A route of the routes file: which MQTT topics it matches, and what their records look like.

Two captures have a meaning of their own. `{device}` is the device that the record belongs to, and becomes the header
`device_id`; `{tenant}` is its tenant. If the credentials of a connection name a device, both must agree with them, as
in Hono's grammar. A route with `{tenant}` refuses authenticated connections whose credentials name no tenant.
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

# The placeholders that every route may use besides its own captures.
GIVEN = frozenset({"client_id", "username", "topic"})


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One `[[route]]`. Raises ConfigurationError if its parts do not fit together.

    `content_type` applies to messages without one. If `delivery` is None, ADAPTER_DELIVERY applies.
    """

    name: str
    mqtt: TopicFilter
    kafka_topic: Template
    key: Template
    headers: tuple[tuple[str, Template], ...] = ()
    content_type: str | None = None
    delivery: Delivery | None = None

    def __post_init__(self) -> None:
        if problems := tuple(problems_of(self.mqtt, self.kafka_topic, self.key, self.headers)):
            raise ConfigurationError(*problems)

    @property
    def placeholders(self) -> frozenset[str]:
        """The placeholders that its targets use."""
        targets = (self.kafka_topic, self.key, *(template for _, template in self.headers))
        return frozenset().union(*(template.placeholders for template in targets))


def problems_of(
    mqtt: TopicFilter | None,
    kafka_topic: Template | None,
    key: Template | None,
    headers: tuple[tuple[str, Template], ...],
) -> Iterator[str]:
    """Yield what is wrong with the parts of a route. A part is None if it is missing or could not be parsed."""
    targets = {"kafka_topic": kafka_topic, "key": key} | {f"headers.{name}": template for name, template in headers}
    if mqtt is not None:
        for name in sorted(mqtt.names & GIVEN):
            yield f"mqtt: {{{name}}} always means the connection's own; give the capture another name"
        known = mqtt.names | GIVEN
        for target, template in targets.items():
            for name in sorted(template.placeholders - known if template is not None else ()):
                yield (
                    f"{target}: {{{name}}} is unknown; there are "
                    + ", ".join(f"{{{known_name}}}" for known_name in sorted(known))
                )
    if kafka_topic is not None:
        yield from _topic_problems(kafka_topic)
    if key is not None and not key.source:
        yield "key: is empty; the key keeps a device's records in order, for example {client_id}"
    for name, _ in headers:
        if name in RESERVED:
            yield f"headers.{name}: this name is reserved for the adapter and for Hono; choose another one"
        elif not name:
            yield "headers: a header has no name"


def _topic_problems(kafka_topic: Template) -> Iterator[str]:
    literal = kafka_topic.literal
    if not kafka_topic.placeholders:
        if problem := topic_problem(literal):
            yield f"kafka_topic: {literal!r} {problem}"
    elif character := illegal_character(literal):
        yield f"kafka_topic: {literal!r} has the character {character!a}, Kafka allows a-z A-Z 0-9 . _ -"
    elif len(literal) >= MAX_LENGTH:
        yield f"kafka_topic: has {len(literal)} characters without its placeholders, Kafka allows {MAX_LENGTH}"
