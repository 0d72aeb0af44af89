"""A route whose parts do not fit together cannot be made."""

import pytest

from adapter.errors import ConfigurationError
from adapter.routing.rule import RouteRule
from adapter.routing.template import Template
from adapter.routing.topic_filter import TopicFilter


def rule(mqtt: str, kafka_topic: str, key: str = "k", **headers: str) -> RouteRule:
    """Make a rule of texts."""
    return RouteRule(
        name="r",
        mqtt=TopicFilter.parse(mqtt),
        kafka_topic=Template.parse(kafka_topic),
        key=Template.parse(key),
        headers=tuple((name, Template.parse(text)) for name, text in headers.items()),
    )


def test_a_rule_knows_what_its_targets_use() -> None:
    used = rule("a/{b}/{c}", "x.{b}", "{client_id}", h="{topic}", i="fixed").placeholders
    assert used == {"b", "client_id", "topic"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("a/{b}", "x.{c}"), "kafka_topic: {c} is unknown; there are {b}, {client_id}, {topic}, {username}"),
        (("a", "x", "{c}"), "key: {c} is unknown; there are {client_id}, {topic}, {username}"),
        (("a", "x", ""), "key: is empty; the key keeps a device's records in order, for example {client_id}"),
        (("{topic}", "x"), "mqtt: {topic} always means the connection's own; give the capture another name"),
        (("a", "x/y"), "kafka_topic: 'x/y' has the character '/', Kafka allows a-z A-Z 0-9 . _ -"),
        (("a", ""), "kafka_topic: '' is empty"),
        (("a", ".."), "kafka_topic: '..' is not a topic name"),
        (("a", "__consumer_offsets"), "kafka_topic: '__consumer_offsets' is one of Kafka's internal topics"),
        (("a/{b}", "x y.{b}"), "kafka_topic: 'x y.' has the character ' ', Kafka allows a-z A-Z 0-9 . _ -"),
        (
            ("a/{b}", "x" * 249 + "{b}"),
            "kafka_topic: has 249 characters without its placeholders, Kafka allows 249",
        ),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_told_why(arguments: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rule(*arguments)
    assert caught.value.problems == (problem,)


def test_a_rule_cannot_set_the_headers_of_the_contract() -> None:
    with pytest.raises(ConfigurationError) as caught:
        rule("a", "x", device_id="forged")
    assert caught.value.problems == (
        "headers.device_id: this name is reserved for the adapter and for Hono; choose another one",
    )


def test_a_header_has_a_name() -> None:
    with pytest.raises(ConfigurationError, match="headers: a header has no name"):
        rule("a", "x", **{"": "text"})


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        rule("{username}", "x/{b}", "{c}", ttl="{d}")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "mqtt",
        "kafka_topic",
        "key",
        "headers.ttl",
        "kafka_topic",
        "headers.ttl",
    ]


def test_a_literal_that_only_a_capture_can_make_illegal_is_taken() -> None:
    assert rule("a/{b}", "{b}").placeholders == {"b"}
    assert rule("a/{b}", ".{b}").placeholders == {"b"}
