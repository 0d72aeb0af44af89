"""The subcommands of `python -m adapter`, one file each: arguments, output and exit codes."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def name_and_value(text: str) -> tuple[str, str]:
    """Parse an argument NAME=VALUE."""
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


def size(text: str) -> int:
    """Parse an argument in bytes."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a number of bytes")
    return int(text)
