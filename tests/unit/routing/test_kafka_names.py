"""Kafka's rules for topic names, checked before Kafka sees them."""

import pytest

from adapter.routing.kafka_names import MAX_LENGTH, illegal_character, topic_problem


@pytest.mark.parametrize("name", ["a", "hono.telemetry.my-tenant_1", "...", "x" * MAX_LENGTH, "__mine"])
def test_a_legal_name_has_no_problem(name: str) -> None:
    assert topic_problem(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        (".", "is not a topic name"),
        ("..", "is not a topic name"),
        ("x" * 250, "has 250 characters, Kafka allows 249"),
        ("a/b", "has the character '/', Kafka allows a-z A-Z 0-9 . _ -"),
        ("a b", "has the character ' ', Kafka allows a-z A-Z 0-9 . _ -"),
        ("plänt", "has the character '\\xe4', Kafka allows a-z A-Z 0-9 . _ -"),
        ("legal\n", "has the character '\\n', Kafka allows a-z A-Z 0-9 . _ -"),
        ("__consumer_offsets", "is one of Kafka's internal topics"),
        ("__transaction_state", "is one of Kafka's internal topics"),
    ],
)
def test_an_illegal_name_is_told_why(name: str, problem: str) -> None:
    assert topic_problem(name) == problem


def test_the_first_illegal_character_is_named() -> None:
    assert illegal_character("a$b/c") == "$"
    assert illegal_character("a.b") is None
