"""Topic names and topic filters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.mqtt.topic_names import check_topic_filter, decode_topic_name
from adapter.reasons import ReasonCode


@pytest.mark.parametrize("name", ["a", "/", "//", "a/b", "/a/", " ", "$SYS/x", "telemetry//4711/?a=b", "Küche/Wärme"])
def test_a_topic_name_is_any_text_without_wildcards(name: str) -> None:
    assert decode_topic_name(name.encode()) == name


@pytest.mark.parametrize(
    ("raw", "clause"),
    [
        (b"", "4.7.3-1"),
        (b"#", "4.7.1-1"),
        (b"a/+/b", "4.7.1-1"),
        (b"a#b", "4.7.1-1"),
        (b"a\x00", "1.5.4-2"),
        (b"a\xff", "1.5.4-1"),
    ],
)
def test_a_topic_name_that_is_empty_or_no_text_or_has_a_wildcard_is_malformed(raw: bytes, clause: str) -> None:
    with pytest.raises(MalformedPacketError, match=clause):
        decode_topic_name(raw)


@pytest.mark.parametrize("text", ["#", "+", "a/#", "/#", "+/a/+", "+/+/#", "/", "a b", "$SYS/#", "$share", "$share/x"])
def test_a_wildcard_stands_alone_in_its_level(text: str) -> None:
    check_topic_filter(text, shared=False)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("", "4.7.3-1"),
        ("a#", "4.7.1-2"),
        ("#/a", "4.7.1-2"),
        ("a/#/b", "4.7.1-2"),
        ("##", "4.7.1-2"),
        ("#/", "4.7.1-2"),
        ("a+", "4.7.1-3"),
        ("+a/b", "4.7.1-3"),
        ("++", "4.7.1-3"),
        ("a/+#", "4.7.1-2"),
    ],
)
def test_a_wildcard_with_anything_else_in_its_level_is_malformed(text: str, clause: str) -> None:
    with pytest.raises(MalformedPacketError, match=clause):
        check_topic_filter(text, shared=False)


@pytest.mark.parametrize("text", ["$share/group/a/+/b", "$share/g/#", "$share/g//", "$share/g/$share/x"])
def test_a_shared_subscription_names_its_group_and_a_filter(text: str) -> None:
    check_topic_filter(text, shared=True)


@pytest.mark.parametrize(
    "text", ["$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/g#/a", "$share/#"]
)
def test_a_shared_subscription_without_group_or_filter_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError, match=r"MQTT-4\.8\.2-1") as raised:
        check_topic_filter(text, shared=True)
    assert raised.value.code is ReasonCode.PROTOCOL_ERROR


def test_the_filter_of_a_shared_subscription_is_checked_like_any_other() -> None:
    with pytest.raises(MalformedPacketError):
        check_topic_filter("$share/g/a#", shared=True)


@given(st.text(st.sampled_from("a/+#$"), min_size=1))
def test_a_filter_without_wildcards_is_fine_as_a_name_and_the_other_way_round(text: str) -> None:
    try:
        decode_topic_name(text.encode())
    except MalformedPacketError:
        assert set(text) & set("+#")
    else:
        check_topic_filter(text, shared=False)
