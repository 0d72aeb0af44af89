"""The table of the README that says which clients were run, and what became of each in each scenario."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.catalogue import CLIENTS, NAMES, Client
from tests.clients.scenarios import SCENARIOS
from tests.support.maven import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.matrix import Cell

BEGIN, END = "<!-- clients:begin -->\n", "<!-- clients:end -->"
README = Path(ROOT / "README.md")


def render(cells: Sequence[Cell]) -> str:
    """The table, and under it why something is not there."""
    reasons: list[str] = []

    def cell(client: Client, scenario: str) -> str:
        if reason := client.lacks.get(scenario):
            if reason not in reasons:
                reasons.append(reason)
            return f"no ({reasons.index(reason) + 1})"
        results = [one for one in cells if (one.client, one.scenario) == (client.name, scenario)]
        assert len(results) == len(client.levels), f"{client.name} did not play {scenario} in each version"
        failed = [NAMES[one.level] for one in results if one.wrong]
        return f"FAIL ({', '.join(failed)})" if failed else "yes"

    lines = [row(["client", "MQTT", *(scenario.name for scenario in SCENARIOS)])]
    lines.append("|---" * (len(SCENARIOS) + 2) + "|")
    for client in CLIENTS:
        title = f"{client.name} {client.language.version(client.library)} ({client.language.name})"
        versions = ", ".join(NAMES[level] for level in client.levels)
        lines.append(row([title, versions, *(cell(client, scenario.name) for scenario in SCENARIOS)]))
    notes = [f"({number}) the client {reason}" for number, reason in enumerate(reasons, 1)]
    said = textwrap.wrap(". ".join(notes) + ".", 120, break_on_hyphens=False) if notes else []
    return "\n".join([*lines, "", *said]) + "\n"


def row(cells: Sequence[str]) -> str:
    """A line of the table."""
    return f"| {' | '.join(cells)} |"


def write(table: str) -> None:
    """Put the table into the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")


def in_readme() -> list[list[str]]:
    """The cells of the table that stands in the README, line by line, without the ruler."""
    text = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in rows]
