"""Patterns of Kafka topics that would mix up tenants or give illegal names do not start."""

import pytest

from adapter.errors import ConfigurationError
from adapter.routing.config import RoutingConfig


def test_the_defaults_are_honos() -> None:
    assert RoutingConfig().patterns == {
        "ADAPTER_KAFKA__TELEMETRY_TOPIC": "hono.telemetry.{tenant}",
        "ADAPTER_KAFKA__EVENT_TOPIC": "hono.event.{tenant}",
    }


@pytest.mark.parametrize(
    ("telemetry", "event"),
    [
        ("{tenant}.telemetry", "{tenant}.event"),
        ("{tenant}", "{tenant}"),
        ("a.{tenant}.telemetry", "a.{tenant}.event"),
        ("one.{tenant}", "two.{tenant}"),
    ],
)
def test_patterns_whose_fixed_parts_differ_or_are_equal_are_taken(telemetry: str, event: str) -> None:
    config = RoutingConfig(telemetry_topic=telemetry, event_topic=event)
    assert config.telemetry_topic == telemetry


@pytest.mark.parametrize("pattern", ["telemetry", "", "{tenant}.{tenant}", "{Tenant}"])
def test_a_pattern_names_the_tenant_once(pattern: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RoutingConfig(telemetry_topic=pattern)
    assert caught.value.problems == (
        (
            f"ADAPTER_KAFKA__TELEMETRY_TOPIC: {pattern!r} must contain {{tenant}} once; "
            "for fixed topics use a route in ADAPTER_ROUTES_FILE"
        ),
    )


def test_all_problems_of_the_patterns_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        RoutingConfig(telemetry_topic="fixed", event_topic="a/{tenant}")
    first, second = caught.value.problems
    assert first.startswith("ADAPTER_KAFKA__TELEMETRY_TOPIC: 'fixed' must contain")
    assert second.startswith("ADAPTER_KAFKA__EVENT_TOPIC: 'a/{tenant}' has the character '/'")


@pytest.mark.parametrize(
    ("telemetry", "event"),
    [("hono.{tenant}", "hono.event.{tenant}"), ("{tenant}", "{tenant}.event"), ("a.{tenant}", "{tenant}.b")],
)
def test_patterns_by_which_one_tenant_could_write_into_the_topic_of_another_are_refused(
    telemetry: str, event: str
) -> None:
    with pytest.raises(ConfigurationError, match="give two tenants the same topic"):
        RoutingConfig(telemetry_topic=telemetry, event_topic=event)
