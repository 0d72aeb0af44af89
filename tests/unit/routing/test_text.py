"""Names from outside, as people see them."""

from adapter.routing.text import shown


def test_a_name_is_shown_in_quotes() -> None:
    assert shown("sensor1") == "'sensor1'"


def test_control_characters_are_escaped_so_that_no_log_or_terminal_is_upset() -> None:
    assert shown("a\n\x1b[2Jb") == "'a\\n\\x1b[2Jb'"


def test_a_long_name_is_shortened() -> None:
    assert shown("x" * 60) == "'" + "x" * 60 + "'"
    assert shown("x" * 61) == "'" + "x" * 59 + "…'"
