"""Whether Kafka can be written to, as far as is known: what `/readyz` shows. Plain state; time is passed in."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)

SILENT_SECONDS = 5.0  # a batch without an answer for so long is worth a word


class Health:
    """Times in seconds on a monotonic clock. `reached` is when Kafka last answered with something good."""

    def __init__(self) -> None:
        self.reached = float("-inf")
        self._trouble: str | None = "not reached yet"
        self._said: str | None = None

    def good(self, now: float) -> None:
        """Kafka took a batch, or told about its topics."""
        self.reached = now
        self._trouble = None

    def bad(self, trouble: str) -> None:
        """Kafka could not be written to, or not be asked; `trouble` is for people."""
        self._trouble = trouble

    def problem(self, now: float, oldest: float | None) -> str | None:
        """Why Kafka cannot be written to. `oldest` is when the batch that has waited longest was handed over."""
        if self._trouble is None and oldest is not None and now - oldest > SILENT_SECONDS:
            return f"a batch has had no answer for {now - oldest:.0f} s"
        return self._trouble

    def log_change(self, problem: str | None) -> None:
        """Write a line when it has become good or bad since the last call."""
        if problem is None and self._said is not None:
            log.info("Kafka can be written to")
        elif problem is not None and self._said is None:
            log.warning("Kafka cannot be written to", reason=problem)
        self._said = problem
