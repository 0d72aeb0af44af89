"""Which Kafka topics messages will go to, as far as it is known before there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.preflight.finding import unknown
from adapter.routing.config import PLACEHOLDER
from adapter.routing.kafka_names import topic_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from adapter.preflight.finding import Finding
    from adapter.routing.rule import RouteRule
    from adapter.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator names beside the settings."""

    tenants: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def problems(self, settings: Settings) -> Iterator[str]:
        """What of it cannot be."""
        for topic in self.topics:
            if problem := topic_problem(topic):
                yield f"--topic {topic!r} {problem}"
        for tenant in self.tenants:
            for topic in tenant_topics(settings, tenant):
                if problem := topic_problem(topic):
                    yield f"--tenant {tenant!r}: its topic {topic!r} {problem}"


def tenant_topics(settings: Settings, tenant: str) -> tuple[str, ...]:
    """Where a tenant's messages go."""
    patterns = (settings.kafka.telemetry_topic, settings.kafka.event_topic)
    return tuple(dict.fromkeys(pattern.replace(PLACEHOLDER, tenant) for pattern in patterns))


def topics_to_check(settings: Settings, rules: Iterable[RouteRule], asked: Asked) -> list[str]:
    """Each once."""
    names = [topic for tenant in asked.tenants for topic in tenant_topics(settings, tenant)]
    names += [rule.kafka_topic.literal for rule in rules if not rule.kafka_topic.placeholders]
    names += asked.topics
    if settings.kafka.dead_letter_topic is not None:
        names.append(settings.kafka.dead_letter_topic)
    return list(dict.fromkeys(names))


def check_names(rules: Iterable[RouteRule], asked: Asked) -> Iterator[Finding]:
    """Say which topics cannot be known, because messages decide."""
    if not asked.tenants and not asked.topics:
        text = "the topics of tenants are not looked at: which tenants there are is decided by devices"
        yield unknown("topics", "tenants", text, "name some: --tenant TENANT")
    for rule in rules:
        if rule.kafka_topic.placeholders and not asked.topics:
            text = f"route {rule.name} names its topic by what is in the message"
            yield unknown("topics", rule.kafka_topic.source, text, "name some: --topic TOPIC")
