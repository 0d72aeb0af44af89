"""What a check says: one line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`FAILED` is written so that it is seen."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is what was looked at, `subject` which one, `text` what was found; `fix` is empty when it is good."""

    check: str
    subject: str
    verdict: Verdict
    text: str
    fix: str = ""


def ok(check: str, subject: str, text: str) -> Finding:
    """As it should be."""
    return Finding(check, subject, Verdict.OK, text)


def warning(check: str, subject: str, text: str, fix: str) -> Finding:
    """It runs, and may not do what the operator thinks."""
    return Finding(check, subject, Verdict.WARNING, text, fix)


def failed(check: str, subject: str, text: str, fix: str) -> Finding:
    """It does not run, or messages would be refused."""
    return Finding(check, subject, Verdict.FAILED, text, fix)


def unknown(check: str, subject: str, text: str, fix: str) -> Finding:
    """It could not be found out."""
    return Finding(check, subject, Verdict.UNKNOWN, text, fix)


def from_problem(check: str, line: str) -> Finding:
    """A line of ConfigurationError: `VARIABLE: what is wrong; what to do`, with or without that colon."""
    subject, _, said = line.partition(" ")
    subject = subject.removesuffix(":")
    text, separator, fix = said.rpartition("; ")
    return failed(check, subject, text, fix) if separator else failed(check, subject, said, f"mend {subject}")
