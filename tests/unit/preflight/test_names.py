"""`adapter.preflight.names`: which topics are looked at."""

from __future__ import annotations

from adapter.preflight.finding import Verdict
from adapter.preflight.names import Asked, check_names, topics_to_check
from adapter.routing.config import RoutingConfig
from adapter.routing.routes_file import parse_routes
from adapter.settings import load_settings

RULES = parse_routes(
    '[[route]]\nmqtt = "a/{x}"\nkafka_topic = "fixed"\nkey = "{x}"\n'
    '[[route]]\nname = "sites"\nmqtt = "b/{x}"\nkafka_topic = "plant.{x}"\nkey = "{x}"\n',
    "routes",
    RoutingConfig(),
)


def test_tenants_routes_topics_and_the_dead_letters_are_looked_at_each_once() -> None:
    settings = load_settings({"ADAPTER_KAFKA__DEAD_LETTER_TOPIC": "dead"})
    asked = Asked(("one", "two"), ("mine", "fixed"))
    assert topics_to_check(settings, RULES, asked) == [
        "hono.telemetry.one",
        "hono.event.one",
        "hono.telemetry.two",
        "hono.event.two",
        "fixed",
        "mine",
        "dead",
    ]


def test_one_pattern_for_both_is_one_topic() -> None:
    patterns = {"ADAPTER_KAFKA__TELEMETRY_TOPIC": "all.{tenant}", "ADAPTER_KAFKA__EVENT_TOPIC": "all.{tenant}"}
    assert topics_to_check(load_settings(patterns), (), Asked(("t",))) == ["all.t"]


def test_what_messages_decide_is_unknown_unless_it_is_named() -> None:
    found = list(check_names(RULES, Asked()))
    assert [(finding.verdict, finding.subject) for finding in found] == [
        (Verdict.UNKNOWN, "tenants"),
        (Verdict.UNKNOWN, "plant.{x}"),
    ]
    assert list(check_names(RULES, Asked(("t",), ("plant.berlin",)))) == []


def test_names_that_cannot_be_topics_are_problems() -> None:
    problems = list(Asked(("a b",), ("c/d",)).problems(load_settings({})))
    assert [problem.partition(" ")[0] for problem in problems] == ["--topic", "--tenant", "--tenant"]
    assert list(Asked(("demo",), ("mine",)).problems(load_settings({}))) == []
