"""`check`: finds what would keep the service from running well, before it runs. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from adapter.commands import exit_codes
from adapter.commands.run import OTHER_FILES
from adapter.errors import ConfigurationError
from adapter.kafka import keep_aiokafka_off_stderr
from adapter.preflight.finding import Verdict, from_problem
from adapter.preflight.local import hard_limit_of_open_files
from adapter.preflight.names import Asked
from adapter.preflight.run_checks import Here, preflight
from adapter.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapter.commands import Commands
    from adapter.preflight.finding import Finding

# In text, failures stand out.
SHOWN = {verdict: verdict.value for verdict in Verdict} | {Verdict.FAILED: "FAILED"}


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="find what would keep the service from running well",
        description="Checks the settings, this machine, the plugins, the certificates and Kafka, as the service "
        "would use them. Prints one line for each, with the fix if it is not ok. Writes nothing, neither here nor to "
        "Kafka, and creates no topic. Only writing a record would show whether Kafka really accepts one.",
        epilog="Exit codes: 0 nothing failed, 1 something failed (or, with --strict, there is a warning), 2 wrong "
        "arguments or settings.",
    )
    parser.add_argument(
        "--tenant", metavar="T", action="append", default=[], help="check the topics of this tenant; repeatable"
    )
    parser.add_argument("--topic", metavar="T", action="append", default=[], help="check this Kafka topic; repeatable")
    parser.add_argument("--running", action="store_true", help="the adapter runs here: its ports are in use")
    parser.add_argument("--strict", action="store_true", help="treat warnings as failures")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="for each step of reaching a broker; default: 5",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(command=run)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Run the checks and print their findings."""
    form = as_json if arguments.json else as_text
    try:
        settings = load_settings(os.environ)
    except ConfigurationError as error:
        findings = [from_problem("settings", problem) for problem in error.problems]
        sys.stdout.write(form(findings, exit_codes.USAGE))
        return exit_codes.USAGE
    asked = Asked(tuple(arguments.tenant), tuple(arguments.topic))
    if problems := list(asked.problems(settings)):
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        return exit_codes.USAGE
    keep_aiokafka_off_stderr()  # its errors are among the findings
    here = Here(time.time, hard_limit_of_open_files(), OTHER_FILES, arguments.running)
    findings = asyncio.run(preflight(settings, asked, here, arguments.timeout))
    bad = {Verdict.FAILED, Verdict.WARNING} if arguments.strict else {Verdict.FAILED}
    code = exit_codes.NOT_FIT if any(finding.verdict in bad for finding in findings) else exit_codes.OK
    sys.stdout.write(form(findings, code))
    return code


def as_json(findings: Sequence[Finding], code: int) -> str:
    """Return one JSON object: the findings, the number of each verdict, and the exit code."""
    counts = Counter(finding.verdict for finding in findings)
    summary = {verdict.value: counts[verdict] for verdict in Verdict}
    answer = {"findings": [asdict(finding) for finding in findings], "summary": summary, "exit_code": code}
    return json.dumps(answer, ensure_ascii=False) + "\n"


def as_text(findings: Sequence[Finding], _: int) -> str:
    """Return a line for each finding and a summary. Names of files and topics cannot break a line."""
    lines = [_line(finding) for finding in findings]
    counts = Counter(finding.verdict for finding in findings)
    lines.append(", ".join(_counted(counts[verdict], verdict) for verdict in Verdict))
    return "\n".join(lines) + "\n"


def _counted(count: int, verdict: Verdict) -> str:
    plural = "s" if verdict is Verdict.WARNING and count != 1 else ""
    return f"{count} {SHOWN[verdict]}{plural}"


def _line(finding: Finding) -> str:
    fix = f" → {finding.fix}" if finding.fix else ""
    line = f"{SHOWN[finding.verdict]:8} {finding.check:16} {finding.subject}: {finding.text}{fix}"
    return "".join(character if character.isprintable() else "?" for character in line)
