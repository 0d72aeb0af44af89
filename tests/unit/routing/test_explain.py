"""What `explain` says is what the router does, with the rules that were passed by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.model import (
    NO_CONTENT_TYPE,
    NOT_EMPTY,
    Identity,
    PublishHeader,
    PublishProperties,
    RecordTemplate,
    Refusal,
)
from adapter.routing.config import RoutingConfig
from adapter.routing.explain import Explanation, explain
from adapter.routing.hono import EMPTY_NOTIFICATION
from adapter.routing.router import Router
from adapter.routing.routes_file import parse_routes

DEVICE = Identity("c1", "sensor1@plant", "plant", "sensor1")
ROUTER = Router(
    RoutingConfig(),
    parse_routes(
        """
        [[route]]
        name = "site"
        mqtt = "plant/{site}"
        kafka_topic = "plant.{site}"
        key = "{site}"
        [[route]]
        name = "two"
        mqtt = "+/two"
        kafka_topic = "two"
        key = "k"
        """,
        "routes.toml",
        RoutingConfig(),
    ),
)


def test_the_first_route_that_matches_is_named_with_nothing_tried_before_it() -> None:
    header = PublishHeader("plant/berlin", 1)
    assert explain(ROUTER, DEVICE, header, 5) == Explanation("site", ROUTER.route(DEVICE, header), ())


def test_routes_that_were_passed_by_are_told_why() -> None:
    header = PublishHeader("office/two", 1)
    assert explain(ROUTER, DEVICE, header, 5) == Explanation(
        "two", ROUTER.route(DEVICE, header), (("site", "level 1 is 'office', not 'plant'"),)
    )


def test_honos_grammar_is_named_by_its_endpoint() -> None:
    header = PublishHeader("e", 1)
    explanation = explain(ROUTER, DEVICE, header, 5)
    assert explanation.route == "event"
    assert isinstance(explanation.result, RecordTemplate)
    assert explanation.tried == (
        ("site", "level 1 is 'e', not 'plant'"),
        ("two", "levels in the topic: 1, in the filter: 2"),
    )


def test_a_rule_that_refuses_is_named_too() -> None:
    explanation = explain(ROUTER, DEVICE, PublishHeader("plant/a b", 1), 5)
    assert explanation.route == "site"
    assert isinstance(explanation.result, Refusal)
    explanation = explain(ROUTER, DEVICE, PublishHeader("e", 0), 5)
    assert explanation.route == "event"
    assert isinstance(explanation.result, Refusal)


def test_where_no_rule_takes_the_message_all_of_them_are_told() -> None:
    explanation = explain(ROUTER, DEVICE, PublishHeader("a/b", 1), 5)
    assert explanation.route is None
    assert explanation.tried == (
        ("site", "level 1 is 'a', not 'plant'"),
        ("two", "level 2 is 'b', not 'two'"),
        ("Hono's grammar", "the first level is none of telemetry, t, event, e"),
    )


@pytest.mark.parametrize(
    ("topic", "content_type", "size", "refusal"),
    [
        ("telemetry", None, 0, NO_CONTENT_TYPE),
        ("telemetry", None, 1, None),
        ("telemetry", "a/b", 0, None),
        ("plant/berlin", None, 0, None),
        ("telemetry", EMPTY_NOTIFICATION, 0, None),
        ("telemetry", EMPTY_NOTIFICATION, 1, NOT_EMPTY),
    ],
)
def test_a_payload_that_does_not_fit_its_content_type_is_refused_where_honos_grammar_says_so(
    topic: str, content_type: str | None, size: int, refusal: Refusal | None
) -> None:
    header = PublishHeader(topic, 1, properties=PublishProperties(content_type=content_type))
    assert explain(ROUTER, DEVICE, header, size).result == (refusal or ROUTER.route(DEVICE, header))


@given(st.one_of(st.text(), st.lists(st.sampled_from(["plant", "two", "e", "", "t", "$x", "/?"])).map("/".join)))
def test_an_explanation_gives_the_routers_answer_for_any_topic(topic: str) -> None:
    header = PublishHeader(topic, 1)
    explanation = explain(ROUTER, DEVICE, header, 1)
    assert explanation.result == ROUTER.route(DEVICE, header)
    if isinstance(explanation.result, RecordTemplate):
        assert explanation.route == explanation.result.route
