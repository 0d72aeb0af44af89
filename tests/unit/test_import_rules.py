"""Who may import whom: the parts know the common values and not each other, and each library has one home."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "adapter"
COMMON = {
    "adapter.model",
    "adapter.runs",
    "adapter.errors",
    "adapter.reasons",
    "adapter.counters",
    "adapter.peer",
    "adapter.tasks",
}
PARTS = ("routing", "mqtt", "delivery", "kafka", "identity", "telemetry")
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module is not None
            found.add(node.module)
    return found


def own(modules: set[str]) -> set[str]:
    return {module for module in modules if module.split(".")[0] == "adapter"}


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("name", ["model", "runs", "errors", "reasons", "counters", "peer", "tasks"])
def test_the_common_modules_import_the_standard_library_and_each_other(name: str) -> None:
    modules = imports(PACKAGE / f"{name}.py")
    assert own(modules) <= COMMON
    assert {module.split(".")[0] for module in modules - own(modules)} <= sys.stdlib_module_names


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_the_common_modules_and_itself(part: str) -> None:
    strangers = {
        (str(path.relative_to(PACKAGE)), module)
        for path in (PACKAGE / part).rglob("*.py")
        for module in own(imports(path))
        if module not in COMMON and module != "adapter" and not f"{module}.".startswith(f"adapter.{part}.")
    }
    assert strangers == set()


@pytest.mark.parametrize(
    ("library", "home"),
    [("aiokafka", "kafka"), ("confluent_kafka", "kafka"), ("amqtt", "identity"), ("prometheus_client", "telemetry")],
)
def test_a_library_is_imported_in_one_part_only(library: str, home: str) -> None:
    homes = {
        path.relative_to(PACKAGE).parts[0]
        for path in FILES
        if any(module.split(".")[0] == library for module in imports(path))
    }
    assert homes == {home}


def test_the_core_does_no_io() -> None:
    core = [*(PACKAGE / "delivery").glob("*.py"), *(PACKAGE / "mqtt").glob("*.py")]
    shell = {"connection.py", "layered_connection.py", "listener.py"}
    busy = {
        path.name
        for path in core
        if path.name not in shell and imports(path) & {"asyncio", "socket", "time", "threading"}
    }
    assert busy == set()
