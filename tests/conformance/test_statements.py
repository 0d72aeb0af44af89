"""Every normative statement of both standards is in its table, and is shown by tests that exist, or does not apply."""

from __future__ import annotations

import re

import pytest

from tests.conformance.statements import ROOT, TABLES, in_readme, read, summary

# How many statements each section has, as appendix B of each standard lists them.
SECTIONS = {
    "MQTT 3.1.1": (
        "1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2 "
        "3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3 4.1.0:2 4.3.1:1 "
        "4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1"
    ),
    "MQTT 5.0": (
        "1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22 3.3.1:13 "
        "3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2 3.10.1:1 "
        "3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3 4.1.0:2 "
        "4.2:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3 "
        "4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4"
    ),
}
NEVER_GIVEN = {"MQTT 3.1.1": set(), "MQTT 5.0": {"MQTT-2.2.1-1"}}  # a number that the standard leaves out


def identifiers(version: str) -> set[str]:
    found = set()
    for entry in SECTIONS[version].split():
        section, _, count = entry.partition(":")
        found |= {f"MQTT-{section}-{number}" for number in range(1, int(count) + 1)}
    return found - NEVER_GIVEN[version]


@pytest.mark.parametrize("version", TABLES)
def test_every_statement_of_the_standard_is_in_the_table_and_no_other(version: str) -> None:
    assert set(read(version).statements) == identifiers(version)


@pytest.mark.parametrize("version", TABLES)
def test_every_statement_has_its_tests_or_the_reason_why_it_does_not_apply(version: str) -> None:
    table = read(version)
    for name, statement in table.statements.items():
        assert statement.says, name
        assert bool(statement.tests) is (statement.not_applicable is None), name
        assert statement.not_applicable is None or statement.not_applicable in table.reasons, name
    assert {one.not_applicable for one in table.statements.values()} - {None} == set(table.reasons)


@pytest.mark.parametrize("version", TABLES)
def test_every_test_that_a_table_names_is_there(version: str) -> None:
    there: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        there.update(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    named = {test for statement in read(version).statements.values() for test in statement.tests}
    assert named - there == set()


def test_the_readme_says_how_many_statements_apply_and_are_tested() -> None:
    assert in_readme() == summary()
