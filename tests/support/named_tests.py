"""Tests by name: tables that say which test shows a thing stay true."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]


def missing(tests: Iterable[str]) -> list[str]:
    """Those of the tests, each `path::name`, that do not exist."""
    return [test for test in tests if not _exists(*test.split("::"))]


def _exists(path: str, name: str) -> bool:
    file = ROOT / path
    if not file.is_file():
        return False
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in nodes)
