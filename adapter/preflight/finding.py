"""The result of a check: one line, and how to fix the problem."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The values are those of the JSON output."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the check, `subject` what it looked at, `text` the result; `fix` is empty if all is well."""

    check: str
    subject: str
    verdict: Verdict
    text: str
    fix: str = ""


def ok(check: str, subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(check, subject, Verdict.OK, text)


def warning(check: str, subject: str, text: str, fix: str) -> Finding:
    """The service runs, but may not do what the operator expects."""
    return Finding(check, subject, Verdict.WARNING, text, fix)


def failed(check: str, subject: str, text: str, fix: str) -> Finding:
    """The service does not run, or would refuse messages."""
    return Finding(check, subject, Verdict.FAILED, text, fix)


def unknown(check: str, subject: str, text: str, fix: str) -> Finding:
    """The check could not be made."""
    return Finding(check, subject, Verdict.UNKNOWN, text, fix)


def from_problem(check: str, line: str) -> Finding:
    """Parse a line of ConfigurationError: `VARIABLE: what is wrong; what to do`, with or without the colon."""
    subject, _, said = line.partition(" ")
    subject = subject.removesuffix(":")
    text, separator, fix = said.rpartition("; ")
    return failed(check, subject, text, fix) if separator else failed(check, subject, said, f"fix {subject}")
