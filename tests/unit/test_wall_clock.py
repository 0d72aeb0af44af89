"""The wall clock may jump: it stamps records and the start, is looked at by `check`, and measures nothing."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "adapter"
WALL_CLOCK = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.now", "datetime.utcnow"}


def test_only_record_timestamps_the_time_of_start_and_checks_of_dates_use_the_wall_clock() -> None:
    uses = {
        (str(path.relative_to(PACKAGE)), ast.unparse(node))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node).removeprefix("datetime.") in WALL_CLOCK
    }
    assert uses == {
        ("certificates.py", "time.time"),  # compares the dates of certificates
        ("commands/check.py", "time.time"),
        ("service.py", "time.time_ns"),
        ("telemetry/sources.py", "time.time"),
        ("verify/proof.py", "time.time_ns"),  # stamps its own messages, which it reads back
    }
