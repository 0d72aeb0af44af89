"""`adapter.preflight.finding`: what a check says."""

from __future__ import annotations

import pytest

from adapter.preflight.finding import Finding, Verdict, from_problem


@pytest.mark.parametrize(
    ("line", "text", "fix"),
    [
        ("ADAPTER_X: '1' is odd; make it even", "'1' is odd", "make it even"),
        ("ADAPTER_X names nobody; name somebody: X", "names nobody", "name somebody: X"),
        ("ADAPTER_X: is one; or two; remove it", "is one; or two", "remove it"),
        ("ADAPTER_X: cannot be used: why", "cannot be used: why", "fix ADAPTER_X"),
    ],
)
def test_a_problem_with_the_settings_is_a_failure_with_its_fix(line: str, text: str, fix: str) -> None:
    assert from_problem("c", line) == Finding("c", "ADAPTER_X", Verdict.FAILED, text, fix)
