"""Which Kafka topics belong to Hono, and which routes of the routes file may write to them.

The operator's patterns name the topics for telemetry and events. A record in such a topic speaks for a device: the
topic names the tenant, and Hono's client takes the device from the key. So a route may write there only for the tenant
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
# Hono's topics for commands and notifications, if the deployment uses Hono's default prefix.
_COMMANDS = tuple(
    f"{_PREFIX}{endpoint}." for endpoint in ("command", "command_response", "command_internal", "notification")
)


@dataclass(frozen=True, slots=True)
class TopicPattern:
    """The Kafka topics of one endpoint, one for each tenant, whose name stands between `head` and `tail`."""

    variable: str
    source: str
    head: str
    tail: str

    def tenant(self, topic: str) -> str | None:
        """Return the tenant that a topic belongs to; None if it does not match the pattern."""
        end = len(topic) - len(self.tail)
        if end < len(self.head) or not topic.startswith(self.head) or not topic.endswith(self.tail):
            return None
        return topic[len(self.head) : end]

    def has_all_of(self, template: Template) -> bool:
        """Return whether every topic that the template can render matches the pattern."""
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
        """Return whether a topic belongs to Hono."""
        return topic.startswith(self._commands) or any(pattern.tenant(topic) is not None for pattern in self._patterns)

    def admits(self, kafka_topic: Template) -> bool:
        """Return whether a route without `problems` may write to Hono's topics: its own text names one."""
        return not kafka_topic.placeholders or any(kafka_topic.source == pattern.source for pattern in self._patterns)

    def fixed_tenant(self, kafka_topic: Template) -> str | None:
        """Return the tenant of a route whose `kafka_topic` is a single topic of Hono's."""
        if kafka_topic.placeholders:
            return None
        tenants = (pattern.tenant(kafka_topic.literal) for pattern in self._patterns)
        return next((tenant for tenant in tenants if tenant is not None), None)

    def problems(self, kafka_topic: Template, key: Template | None) -> Iterator[str]:
        """Yield why a route may not write to its Kafka topic. `key` is None if it could not be parsed."""
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
