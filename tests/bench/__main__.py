"""`python tests/bench`: the benchmark; `python tests/bench load JSON`: its load generator, see `load.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

# gmqtt's wheel installs a package `tests` of its own, which would hide this directory, a namespace package.
ours = ModuleType("tests")
ours.__path__ = [str(Path(__file__).parents[1])]
sys.modules["tests"] = ours

if __name__ == "__main__":
    if sys.argv[1:2] == ["load"]:
        from tests.bench.load import main
    else:
        from tests.bench.cli import main
    sys.exit(main(sys.argv[1:]))
