"""`python tests/bench`: the benchmark; `python tests/bench load JSON`: its load generator, see `load.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
sys.path[0] = str(ROOT)  # in place of this directory

# gmqtt's wheel installs a package `tests` of its own, which would hide ours, a namespace package.
ours = ModuleType("tests")
ours.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = ours

if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        from tests.bench.load import main
    else:
        from tests.bench.cli import main
    sys.exit(main(sys.argv[1:]))
