"""One target under Atheris, in a process that Atheris ends: `python -m tests.fuzz.one NAME LIBFUZZER-OPTIONS…`."""

from __future__ import annotations

import sys

import atheris

# What is to be covered must be imported here, so that its branches are seen.
with atheris.instrument_imports(include=["adapter.mqtt", "adapter.routing"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
