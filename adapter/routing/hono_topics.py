"""Which Kafka topics belong to Hono, so that no device can use a route of the routes file to write into them.

The telemetry and event topics are those of the operator's patterns. A record there speaks for a device of a tenant: the
topic names the tenant, and Hono's client takes the device from the key. So a route may write there only with the tenant
and the device that were checked against the credentials.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.routing.config import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.routing.config import RoutingConfig
    from adapter.routing.template import Template

DEVICE_KEY = "{device}"
_PREFIX = "hono."
# Hono's topics for commands and notifications. Only Hono's own prefix tells them apart from other topics.
_COMMANDS = tuple(
    f"{_PREFIX}{endpoint}." for endpoint in ("command", "command_response", "command_internal", "notification")
)


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """The Kafka topics of one endpoint, one for each tenant; `head` and `tail` stand around the tenant."""

    variable: str
    source: str
    head: str
    tail: str

    def tenant(self, topic: str) -> str | None:
        """Return the tenant whose topic this is; None if it is no topic of this pattern."""
        end = len(topic) - len(self.tail)
        if end < len(self.head) or not topic.startswith(self.head) or not topic.endswith(self.tail):
            return None
        return topic[len(self.head) : end]

    def has_all_of(self, template: Template) -> bool:
        """Tell whether every topic that the template can render is one of this pattern."""
        if not template.placeholders:
            return self.tenant(template.literal) is not None
        return template.head.startswith(self.head) and template.tail.endswith(self.tail)


class HonoTopics:
    """The topics of Hono in one deployment."""

    def __init__(self, config: RoutingConfig) -> None:
        self._patterns = tuple(_pattern(variable, source) for variable, source in config.patterns.items())
        is_default = any(pattern.head.startswith(_PREFIX) for pattern in self._patterns)
        self._commands = _COMMANDS if is_default else ()

    def owns(self, topic: str) -> bool:
        """Tell whether a topic is one of Hono's."""
        return topic.startswith(self._commands) or any(pattern.tenant(topic) is not None for pattern in self._patterns)

    def admits(self, kafka_topic: Template) -> bool:
        """Tell whether a route may write into Hono's topics: its own text says so, and `problems` has found none."""
        return not kafka_topic.placeholders or any(kafka_topic.source == pattern.source for pattern in self._patterns)

    def fixed_tenant(self, kafka_topic: Template) -> str | None:
        """Return the tenant for which a route writes all its records, if it names one topic of Hono's."""
        if kafka_topic.placeholders:
            return None
        tenants = (pattern.tenant(kafka_topic.literal) for pattern in self._patterns)
        return next((tenant for tenant in tenants if tenant is not None), None)

    def problems(self, kafka_topic: Template, key: Template | None) -> Iterator[str]:
        """Say why a route may not write where its targets lead it; `key` is None if it could not be read."""
        pattern = next((pattern for pattern in self._patterns if pattern.has_all_of(kafka_topic)), None)
        if pattern is not None:
            if not self.admits(kafka_topic):
                yield (
                    f"kafka_topic: {kafka_topic.source!r} is a topic of {pattern.variable}; only {PLACEHOLDER} may "
                    f"take the tenant's place there: write {pattern.source!r}, and capture {PLACEHOLDER} in mqtt"
                )
            if key is not None and key.source != DEVICE_KEY:
                yield (
                    f"key: {key.source!r} must be {DEVICE_KEY!r}, because kafka_topic is a topic of "
                    f"{pattern.variable}, whose consumers take the device from the key"
                )
        elif kafka_topic.placeholders and kafka_topic.head.startswith(self._commands):
            yield f"kafka_topic: {kafka_topic.source!r} lets devices choose among Hono's topics for commands"


def _pattern(variable: str, source: str) -> TopicPattern:
    head, _, tail = source.partition(PLACEHOLDER)
    return TopicPattern(variable, source, head, tail)
