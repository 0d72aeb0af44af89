"""The command line: `python -m adapter run | check | tail | explain | verify | passwd`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from adapter import __version__
from adapter.commands import check, exit_codes, explain, passwd, run, tail, verify
from adapter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m adapter",
        description="MQTT-to-Kafka protocol adapter: devices publish over MQTT, and get a PUBACK when Kafka has the "
        "record.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (run, check, tail, explain, verify, passwd):
        command.add_parser(commands)
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.command(parsed)
    except ConfigurationError as error:
        sys.stderr.write("The settings cannot be used:\n")
        for problem in error.problems:
            sys.stderr.write(f"  {problem}\n")
        return exit_codes.USAGE
    return code
