"""Which Kafka topics are Hono's."""

import pytest

from adapter.routing.config import RoutingConfig
from adapter.routing.hono_topics import HonoTopics
from adapter.routing.template import Template

DEFAULT = HonoTopics(RoutingConfig())
AROUND = HonoTopics(RoutingConfig(telemetry_topic="a.{tenant}.a", event_topic="{tenant}.event"))
ALL = HonoTopics(RoutingConfig(telemetry_topic="{tenant}", event_topic="{tenant}"))


@pytest.mark.parametrize(
    ("topics", "topic", "owned"),
    [
        (DEFAULT, "hono.telemetry.x", True),
        (DEFAULT, "hono.event.", True),
        (DEFAULT, "hono.command.x", True),
        (DEFAULT, "hono.command_response.x", True),
        (DEFAULT, "hono.notification.registry-tenant", True),
        (DEFAULT, "hono.other.x", False),
        (DEFAULT, "x.hono.event.x", False),
        (AROUND, "a.x.a", True),
        (AROUND, "a.a", False),
        (AROUND, "a..a", True),
        (AROUND, "x.event", True),
        (AROUND, "x.events", False),
        (AROUND, "hono.command.x", False),
        (ALL, "anything", True),
    ],
)
def test_a_topic_is_honos_if_it_has_both_ends_of_a_pattern(topics: HonoTopics, topic: str, owned: bool) -> None:  # noqa: FBT001 - a table's column
    assert topics.owns(topic) is owned


@pytest.mark.parametrize(
    ("topics", "kafka_topic", "tenant"),
    [
        (DEFAULT, "hono.event.plant", "plant"),
        (DEFAULT, "hono.event.{tenant}", None),
        (DEFAULT, "plant", None),
        (AROUND, "plant.event", "plant"),
        (ALL, "plant", "plant"),
    ],
)
def test_a_fixed_topic_of_honos_names_its_tenant(topics: HonoTopics, kafka_topic: str, tenant: str | None) -> None:
    assert topics.fixed_tenant(Template.parse(kafka_topic)) == tenant


@pytest.mark.parametrize(
    ("topics", "kafka_topic", "key", "wrong"),
    [
        (DEFAULT, "hono.event.{tenant}", "{device}", []),
        (DEFAULT, "hono.event.plant", "{device}", []),
        (DEFAULT, "hono.{x}", "k", []),
        (DEFAULT, "plant.{site}", "k", []),
        (DEFAULT, "hono.command.plant", "k", []),
        (DEFAULT, "hono.event.{x}", "{device}", ["kafka_topic"]),
        (DEFAULT, "hono.event.{tenant}.{x}", "{client_id}", ["kafka_topic", "key"]),
        (DEFAULT, "hono.command_response.{x}", "k", ["kafka_topic"]),
        (AROUND, "{tenant}.event", "{device}", []),
        (AROUND, "{x}.event", "{device}", ["kafka_topic"]),
        (AROUND, "a.{x}.a", "{device}", ["kafka_topic"]),
        (AROUND, "a.{x}", "k", []),
        (AROUND, "hono.command.{x}", "k", []),
        (ALL, "plant.{site}", "{device}", ["kafka_topic"]),
        (ALL, "plant", "k", ["key"]),
    ],
)
def test_a_route_writes_to_honos_topics_with_the_tenant_and_the_device_in_their_places(
    topics: HonoTopics, kafka_topic: str, key: str, wrong: list[str]
) -> None:
    problems = topics.problems(Template.parse(kafka_topic), Template.parse(key))
    assert [problem.partition(":")[0] for problem in problems] == wrong
