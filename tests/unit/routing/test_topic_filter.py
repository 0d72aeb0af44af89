"""MQTT's topic filters, with names for levels."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from adapter.routing.topic_filter import TopicFilter


@pytest.mark.parametrize(
    ("source", "topic", "captures"),
    [
        ("plant/{site}/+/{device}/#", "plant/berlin/line1/press7/a/b", {"site": "berlin", "device": "press7"}),
        ("plant/{site}/+/{device}/#", "plant/berlin//press7", {"site": "berlin", "device": "press7"}),
        ("{a}", "x", {"a": "x"}),
        ("#", "a/b/c", {}),
        ("#", "/", {}),
        ("+", "a", {}),
        ("+/+", "/", {}),
        ("/+", "/finance", {}),
        ("sport/#", "sport", {}),
        ("sport/#", "sport/", {}),
        ("sport/tennis/+", "sport/tennis/", {}),
        ("$SYS/#", "$SYS/a", {}),
        ("$SYS/{x}", "$SYS/a", {"x": "a"}),
        ("+/$x", "a/$x", {}),
        ("a.b/c", "a.b/c", {}),
        ("a/#", "a/line\nbreak/x", {}),
        ("{x}", "line\nbreak", {"x": "line\nbreak"}),
        ("{{x}}/{x}", "{x}/1", {"x": "1"}),
        ("Wärme/{raum}", "Wärme/Küche", {"raum": "Küche"}),
    ],
)
def test_a_matching_topic_gives_its_captures(source: str, topic: str, captures: dict[str, str]) -> None:
    topic_filter = TopicFilter.parse(source)
    assert topic_filter.match(topic) == captures
    assert topic_filter.why_not(topic) is None


@pytest.mark.parametrize(
    ("source", "topic", "why_not"),
    [
        ("plant/{site}/#", "plants/berlin", "level 1 is 'plants', not 'plant'"),
        ("plant/{site}", "plant/", "level 2 is empty, but {site} needs a value"),
        ("plant/{site}", "plant", "levels in the topic: 1, in the filter: 2"),
        ("plant/+", "plant/a/b", "levels in the topic: 3, in the filter: 2"),
        ("a/+/b/#", "a/x", "levels in the topic: 2, in the filter: 4"),
        ("a.b", "axb", "level 1 is 'axb', not 'a.b'"),
        ("Sport", "sport", "level 1 is 'sport', not 'Sport'"),
        ("+", "/finance", "levels in the topic: 2, in the filter: 1"),
        ("a", "a\n", "level 1 is 'a\\n', not 'a'"),
        ("#", "$SYS/a", "a filter that begins with a wildcard matches no topic that begins with $"),
        ("+/a", "$SYS/a", "a filter that begins with a wildcard matches no topic that begins with $"),
        ("{x}/a", "$SYS/a", "a filter that begins with a wildcard matches no topic that begins with $"),
    ],
)
def test_a_topic_that_does_not_match_is_told_why(source: str, topic: str, why_not: str) -> None:
    topic_filter = TopicFilter.parse(source)
    assert topic_filter.match(topic) is None
    assert topic_filter.why_not(topic) == why_not


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "is empty"),
        ("a\0b", "contains U"),
        ("ä" * 32_768, "is longer than 65535 bytes"),
        ("$share/group/a", "is a shared subscription"),
        ("a/#/b", "has a # before its last level"),
        ("a/b#", r"has a wildcard inside the level 'b#'"),
        ("a+/b", r"has a wildcard inside the level 'a\+'"),
        ("a/{b", "has an unmatched brace"),
        ("a/x-{b}", r"has a placeholder inside the level 'x-\{b\}'"),
        ("a/{b}-x", r"has a placeholder inside the level"),
        ("a/{b}{c}", r"has a placeholder inside the level"),
        ("a/{b}/{b}", r"captures \{b\} twice"),
        ("a/{1}", r"has the placeholder \{1\}"),
    ],
)
def test_a_filter_that_cannot_be_is_told_why(source: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TopicFilter.parse(source)


LEVEL = st.sampled_from(["", "a", "b", "$a", "{n}", "a\n"])
TOPIC = st.lists(st.sampled_from(["", "a", "b", "$a", "a\n"]), min_size=1, max_size=5).map("/".join)


@st.composite
def filters(draw: st.DrawFn, names: bool = True) -> str:  # noqa: FBT001, FBT002 - hypothesis passes it on by position
    """Draw filters of a few levels from a small alphabet, so that they often meet the topics above."""
    kinds = ["", "a", "b", "$a", "+", "a\n"] + (["{?}"] if names else [])
    levels = draw(st.lists(st.sampled_from(kinds), max_size=4))
    if draw(st.booleans()) or not levels:
        levels.append("#")
    source = "/".join(level.replace("?", f"n{number}") for number, level in enumerate(levels))
    assume(source)
    return source


@given(filters(names=False), TOPIC)
def test_filters_without_names_match_as_an_independent_client_says(source: str, topic: str) -> None:
    assume(topic)
    assert (TopicFilter.parse(source).match(topic) is not None) == topic_matches_sub(source, topic)


@given(filters(), TOPIC)
def test_a_topic_matches_exactly_if_there_is_nothing_to_say_against_it(source: str, topic: str) -> None:
    topic_filter = TopicFilter.parse(source)
    assert (topic_filter.match(topic) is not None) == (topic_filter.why_not(topic) is None)


@given(filters(), TOPIC)
def test_captures_are_levels_of_the_topic_that_are_not_empty(source: str, topic: str) -> None:
    captures = TopicFilter.parse(source).match(topic) or {}
    assert all(text and text in topic.split("/") for text in captures.values())


@given(filters(), filters(), TOPIC)
def test_a_filter_that_covers_another_matches_all_of_its_topics(one: str, other: str, topic: str) -> None:
    first, second = TopicFilter.parse(one), TopicFilter.parse(other)
    if first.covers(second) and second.match(topic) is not None:
        assert first.match(topic) is not None


@pytest.mark.parametrize(
    ("one", "other", "covers"),
    [
        ("#", "a/{b}", True),
        ("#", "#", True),
        ("#", "$SYS/a", False),
        ("#", "$SYS/#", False),
        ("+/a", "$SYS/a", False),
        ("{n}/a", "$SYS/a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/#", True),
        ("a/b/#", "a/#", False),
        ("a/+", "a/{n}", True),
        ("a/{n}", "a/+", False),
        ("a/{n}", "a/b", True),
        ("a/{n}", "a/", False),
        ("a/+", "a/#", False),
        ("a/{n}", "a/#", False),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("$SYS/#", "$SYS/a", True),
        ("a/b", "a/c", False),
    ],
)
def test_whether_a_filter_covers_another(one: str, other: str, covers: bool) -> None:  # noqa: FBT001 - a table's column
    assert TopicFilter.parse(one).covers(TopicFilter.parse(other)) is covers


def test_a_filter_knows_its_names() -> None:
    assert TopicFilter.parse("a/{b}/+/{c}/#").names == {"b", "c"}
