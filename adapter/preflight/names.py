"""Finds the Kafka topics that messages will go to, as far as they are known in advance."""

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
    """The tenants and topics that the operator names on the command line."""

    tenants: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield a line for each name that Kafka does not allow."""
        for topic in self.topics:
            if problem := topic_problem(topic):
                yield f"--topic {topic!r} {problem}"
        for tenant in self.tenants:
            for topic in tenant_topics(settings, tenant):
                if problem := topic_problem(topic):
                    yield f"--tenant {tenant!r}: its topic {topic!r} {problem}"


def tenant_topics(settings: Settings, tenant: str) -> tuple[str, ...]:
    """Return the telemetry and event topics of a tenant."""
    patterns = (settings.kafka.telemetry_topic, settings.kafka.event_topic)
    return tuple(dict.fromkeys(pattern.replace(PLACEHOLDER, tenant) for pattern in patterns))


def topics_to_check(settings: Settings, rules: Iterable[RouteRule], asked: Asked) -> list[str]:
    """Return the topics of tenants, routes with a fixed topic, `--topic` and dead letters, each once."""
    names = [topic for tenant in asked.tenants for topic in tenant_topics(settings, tenant)]
    names += [rule.kafka_topic.literal for rule in rules if not rule.kafka_topic.placeholders]
    names += asked.topics
    if settings.kafka.dead_letter_topic is not None:
        names.append(settings.kafka.dead_letter_topic)
    return list(dict.fromkeys(names))


def check_names(rules: Iterable[RouteRule], asked: Asked) -> Iterator[Finding]:
    """Report the topics that only messages determine."""
    if not asked.tenants and not asked.topics:
        text = "the topics of tenants are not checked: the settings do not list the tenants"
        yield unknown("topics", "tenants", text, "name some: --tenant TENANT")
    for rule in rules:
        if rule.kafka_topic.placeholders and not asked.topics:
            text = f"route {rule.name} derives its topic from the message"
            yield unknown("topics", rule.kafka_topic.source, text, "name some: --topic TOPIC")
