"""`adapter.settings.catalogue`: code, example and README say the same about every variable."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from adapter.settings import describe, load_settings, render_env_example, render_markdown_table

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config" / "adapter.env.example"
README = ROOT / "README.md"


def test_every_variable_has_a_description_that_is_a_sentence() -> None:
    bad = [variable.name for variable in describe() if not re.fullmatch(r"\S.*[.]", variable.description)]
    assert bad == []


def test_the_example_is_what_the_code_says() -> None:
    """Mend it with: python -m adapter.settings --env > config/adapter.env.example."""
    assert render_env_example() == EXAMPLE.read_text(encoding="utf-8")


def test_the_example_holds_exactly_every_variable_with_its_default() -> None:
    lines = re.findall(r"^#(ADAPTER_\w+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert lines == [(variable.name, variable.default) for variable in describe()]
    assert load_settings({}) == load_settings(dict(lines))


def test_the_example_sets_nothing() -> None:
    """Whoever copies it gets the defaults, of every later version too."""
    assert [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if not re.match("#|$", line)] == []


def test_the_table_has_a_row_for_every_variable() -> None:
    head, rule, *rows = render_markdown_table().splitlines()
    assert (head, rule) == ("| variable | default | meaning |", "|---|---|---|")
    assert len(rows) == len(describe())
    assert "| `ADAPTER_MQTT__PORT` | `1883` | Port of the plain TCP listener; empty: off. |" in rows
    assert "| `ADAPTER_KAFKA__SASL_USERNAME` | none | User name for SASL. |" in rows


def test_the_table_of_the_readme_is_what_the_code_says() -> None:
    """Mend it with the output of: python -m adapter.settings."""
    texts = [README.read_text(encoding="utf-8")] if README.exists() else []
    tables = [re.findall(r"<!-- settings:begin -->\n(.*?)<!-- settings:end -->", text, re.DOTALL) for text in texts]
    assert [[render_markdown_table()] for _ in texts] == tables


def test_the_tables_can_be_printed_from_the_command_line() -> None:
    """`python -m adapter.settings` needs no environment of the adapter."""
    for arguments, first in (([], "| variable |"), (["--env"], "# Every setting")):
        printed = subprocess.run(
            [sys.executable, "-m", "adapter.settings", *arguments], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert printed.stdout.startswith(first)
