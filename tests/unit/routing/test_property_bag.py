"""The property bag after the last `/?` of a topic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.model import Refusal
from adapter.reasons import Reason
from adapter.routing.property_bag import LONGEST_TTL, PropertyBag, seconds, split


@pytest.mark.parametrize(
    ("topic", "address", "bag"),
    [
        ("telemetry", "telemetry", PropertyBag()),
        ("telemetry/?", "telemetry", PropertyBag()),
        ("telemetry/?content-type=text%2Fplain", "telemetry", PropertyBag("text/plain")),
        ("telemetry/?content-type=text/plain", "telemetry", PropertyBag("text/plain")),
        ("telemetry/?content-type=a/b;charset=utf-8", "telemetry", PropertyBag("a/b;charset=utf-8")),
        ("telemetry/?content-type=a+b", "telemetry", PropertyBag("a b")),
        ("telemetry/?Content-Type=a&HONO-TTL=5", "telemetry", PropertyBag("a", "5")),
        ("telemetry/?content-type=first&content-type=second", "telemetry", PropertyBag("first")),
        ("event/t/d/?hono-ttl=10&other=x&&=y&z", "event/t/d", PropertyBag(None, "10")),
        ("event/t/d/?hono-ttl=", "event/t/d", PropertyBag(None, "")),
        ("telemetry/t/d/?a=b/?content-type=c", "telemetry/t/d/?a=b", PropertyBag("c")),
        ("telemetry?content-type=a", "telemetry?content-type=a", PropertyBag()),
        ("/?content-type=a", "", PropertyBag("a")),
        ("telemetry/?content-type=%C3%A4", "telemetry", PropertyBag("ä")),
    ],
)
def test_the_bag_follows_the_last_delimiter(topic: str, address: str, bag: PropertyBag) -> None:
    assert split(topic) == (address, bag)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("a=%", "a % must be followed by two hex digits"),
        ("a=%4", "a % must be followed by two hex digits"),
        ("content-type=%zz", "a % must be followed by two hex digits"),
        ("content-type=%ff", "its %-escapes are not UTF-8"),
        ("content-type=%ED%A0%80", "its %-escapes are not UTF-8"),
        ("&".join("abcdefghijklmnopqrstuvwxyz0123456"), "more than 32 properties"),
        ("content-type=a%00", "content-type 'a\\x00' has control characters"),
        ("content-type=a%0d%0aX", "content-type 'a\\r\\nX' has control characters"),
    ],
)
def test_a_bag_that_cannot_be_decoded_refuses_the_message(query: str, problem: str) -> None:
    address, refusal = split(f"telemetry/?{query}")
    assert address == "telemetry"
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.BAD_TOPIC
    assert refusal.text.endswith(problem)


@given(st.text())
def test_any_text_after_the_delimiter_is_a_bag_or_a_refusal_and_nothing_else(query: str) -> None:
    _, bag = split("t/?" + query)
    assert isinstance(bag, PropertyBag | Refusal)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("10", 10), ("0010", 10), ("4294967295", LONGEST_TTL)])
def test_a_time_to_live_is_whole_seconds(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["4294967296", "0" * 5000 + "4294967296", "9" * 5000])
def test_a_time_to_live_is_no_longer_than_the_longest(text: str) -> None:
    assert seconds(text) == LONGEST_TTL


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", " 1", "1_0", "ten", "٣", "²"])
def test_any_other_time_to_live_is_ignored(text: str) -> None:
    assert seconds(text) is None
