"""`make fuzz`: Atheris (coverage-guided, libFuzzer's) on every target, from the corpus on; what it finds stays there.

    python -m tests.fuzz [--seconds N] [--target NAME]

Each target runs in a process of its own, for its part of the time. A finding ends it with its input in `crash-…`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.make_corpus import CORPUS
from tests.fuzz.targets import TARGETS

LARGEST_INPUT = 512  # bytes


def one(name: str, seconds: int) -> int:
    """Fuzz one target in a process of its own; returns its exit code."""
    with tempfile.TemporaryDirectory() as found:
        command = [
            sys.executable, "-m", "tests.fuzz.one", name, f"-max_total_time={seconds}", f"-max_len={LARGEST_INPUT}",
            f"-artifact_prefix={Path.cwd()}/crash-{name}-", "-print_final_stats=1", "-verbosity=0",
            found, str(CORPUS / name),
        ]  # fmt: skip
        return subprocess.run(command, check=False, timeout=seconds + 120).returncode


def main() -> int:
    """Fuzz them. Exit code 1: something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=main.__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--target", choices=list(TARGETS), action="append")
    options = parser.parse_args()
    chosen = options.target or list(TARGETS)
    failed = [name for name in chosen if one(name, max(1, options.seconds // len(chosen)))]
    sys.stdout.write(f"found something: {', '.join(failed)}\n" if failed else "nothing found\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
