"""Text with placeholders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.routing.template import Template


@pytest.mark.parametrize(
    ("source", "rendered"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{site}", "berlin"),
        ("plant.{site}.{device}-x", "plant.berlin.press7-x"),
        ("{site}{site}", "berlinberlin"),
        ("{{site}}", "{site}"),
        ("{{{site}}}", "{berlin}"),
    ],
)
def test_placeholders_are_replaced_and_doubled_braces_stand_for_themselves(source: str, rendered: str) -> None:
    assert Template.parse(source).render({"site": "berlin", "device": "press7", "unused": "x"}) == rendered


def test_what_a_placeholder_brings_is_not_looked_at_again() -> None:
    assert Template.parse("{a}").render({"a": "{b}", "b": "x"}) == "{b}"


@pytest.mark.parametrize("source", ["{", "}", "a{b", "a}b", "{a}}"])
def test_an_unmatched_brace_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="unmatched brace"):
        Template.parse(source)


@pytest.mark.parametrize("source", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a b}", "{ä}", "{a }"])
def test_anything_but_a_plain_name_in_braces_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"has the placeholder \{.*\}, but only \{name\}"):
        Template.parse(source)


@given(st.text())
def test_any_text_is_a_template_or_a_value_error_and_nothing_else(source: str) -> None:
    try:
        template = Template.parse(source)
    except ValueError:
        return
    assert isinstance(template.render(dict.fromkeys(template.placeholders, "x")), str)


@given(st.text())
def test_a_text_with_doubled_braces_renders_to_itself(text: str) -> None:
    template = Template.parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.render({}) == template.literal == template.head == template.tail == text


def test_a_template_knows_its_placeholders_and_its_fixed_parts() -> None:
    template = Template.parse("a.{{x}}.{b}.c.{d}.e")
    assert template.placeholders == {"b", "d"}
    assert template.literal == "a.{x}..c..e"
    assert template.head == "a.{x}."
    assert template.tail == ".e"
    assert Template.parse("a{b}").tail == ""
