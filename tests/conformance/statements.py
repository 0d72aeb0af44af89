"""The tables of normative statements, `mqtt_3_1_1.toml` and `mqtt_5_0.toml`, and their summary for the README."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- conformance:begin -->\n", "<!-- conformance:end -->"
TABLES = {"MQTT 3.1.1": "mqtt_3_1_1.toml", "MQTT 5.0": "mqtt_5_0.toml"}


@dataclass(frozen=True, slots=True)
class Statement:
    """`tests` are names of test functions; without any there is a reason why it does not apply."""

    says: str
    tests: tuple[str, ...] = ()
    not_applicable: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Statements by identifier, reasons by name."""

    statements: dict[str, Statement]
    reasons: dict[str, str]

    @property
    def applicable(self) -> list[Statement]:
        return [statement for statement in self.statements.values() if statement.not_applicable is None]


def read(version: str) -> Table:
    """The table of a version. Raises ValueError, TypeError."""
    raw = tomllib.loads((Path(__file__).parent / TABLES[version]).read_text(encoding="utf-8"))
    statements = {
        name: Statement(one.pop("says"), tuple(one.pop("tests", ())), **one) for name, one in raw["statements"].items()
    }
    return Table(statements, raw["reasons"])


def summary() -> str:
    """How many statements there are, apply, and are tested, in Markdown."""
    lines = ["| | normative statements | that apply here | tested |", "|---|---|---|---|"]
    for version in TABLES:
        table = read(version)
        tested = sum(1 for statement in table.applicable if statement.tests)
        lines.append(f"| {version} | {len(table.statements)} | {len(table.applicable)} | {tested} |")
    return "\n".join(lines) + "\n"


def in_readme() -> str:
    """The summary that stands in the README."""
    return README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    sys.stdout.write(summary())
    for version in TABLES:
        reasons = read(version).reasons
        sys.stdout.write(f"\n{version}\n")
        for name, statement in read(version).statements.items():
            shown = ", ".join(statement.tests) or f"does not apply: {reasons[statement.not_applicable or '']}"
            sys.stdout.write(f"{name}  {statement.says}\n    {shown}\n")
