"""The configuration of routing: the operator's settings that decide where a record goes."""

from __future__ import annotations

from dataclasses import dataclass

from adapter.errors import ConfigurationError
from adapter.routing.kafka_names import MAX_LENGTH, topic_problem

PLACEHOLDER = "{tenant}"


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """Where Hono's records go, and who may publish them. Raises ConfigurationError for a pattern that cannot work.

    `adapter_name` is the value of the header `orig_adapter`. With `auth_required`, a device publishes only for itself,
    and a gateway for the devices of its tenant. Without it, nothing about a connection is verified: the topic decides.
    """

    telemetry_topic: str = "hono.telemetry.{tenant}"
    event_topic: str = "hono.event.{tenant}"
    adapter_name: str = "hono-mqtt"
    auth_required: bool = True

    def __post_init__(self) -> None:
        problems = [f"{variable}: {text}" for variable, pattern in self.patterns.items() if (text := _problem(pattern))]
        if not problems and _overlap(self.telemetry_topic, self.event_topic):
            problems.append(
                f"ADAPTER_KAFKA__EVENT_TOPIC: {self.event_topic!r} and {self.telemetry_topic!r} give two tenants the "
                "same topic if one is named like a piece of the other; let them differ in a fixed part, or be equal"
            )
        if problems:
            raise ConfigurationError(*problems)

    @property
    def patterns(self) -> dict[str, str]:
        """The patterns of the topics for Hono's records, by the variable that sets each."""
        return {
            "ADAPTER_KAFKA__TELEMETRY_TOPIC": self.telemetry_topic,
            "ADAPTER_KAFKA__EVENT_TOPIC": self.event_topic,
        }


def _problem(pattern: str) -> str | None:
    """Return why a pattern cannot be used."""
    # Without the tenant in its topic, nothing in a record would tell apart two tenants' devices of the same name.
    if pattern.count(PLACEHOLDER) != 1:
        return f"{pattern!r} must contain {PLACEHOLDER} once; for fixed topics use a route in ADAPTER_ROUTES_FILE"
    problem = topic_problem(pattern.replace(PLACEHOLDER, "t"))
    if problem is not None:
        return (
            f"{pattern!r} {problem} (all but {PLACEHOLDER} must be legal in a Kafka topic of {MAX_LENGTH} characters)"
        )
    return None


def _overlap(one: str, other: str) -> bool:
    """Return whether two different patterns have a topic in common, which then belongs to two different tenants.

    `hono.{tenant}` and `hono.event.{tenant}` do: telemetry of the tenant `event.x` would be among the events of `x`.
    """
    head, _, tail = one.partition(PLACEHOLDER)
    other_head, _, other_tail = other.partition(PLACEHOLDER)
    heads_agree = head.startswith(other_head) or other_head.startswith(head)
    tails_agree = tail.endswith(other_tail) or other_tail.endswith(tail)
    return one != other and heads_agree and tails_agree
