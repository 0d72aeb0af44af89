"""Whether Kafka can be written to, as far as is known: what `/readyz` shows. Plain state; time is passed in."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)

SILENT_SECONDS = 5.0  # a batch without an answer, or nothing but failures, for so long is worth a word


class Health:
    """Times in seconds on a monotonic clock. `reached` is when Kafka last answered with something good."""

    def __init__(self) -> None:
        self.reached = float("-inf")
        self._trouble: str | None = "not reached yet"
        self._said: str | None = None
        self._failing: tuple[float, float, str] | None = None  # since when, when last, why
        self._trouble_said: str | None = None

    def good(self, now: float) -> None:
        """Kafka told about its topics."""
        self.reached = now
        self._trouble = None

    def wrote(self, now: float) -> None:
        """Kafka took a batch."""
        self.good(now)
        self._failing = None

    def failed(self, now: float, trouble: str) -> None:
        """Kafka did not take a batch now, and may later."""
        since = now if self._failing is None or self._over(now) else self._failing[0]
        self._failing = (since, now, trouble)

    def _over(self, now: float) -> bool:
        """Nothing has failed for so long: whoever tried has stopped trying, and readiness must not wait for them."""
        return self._failing is not None and now - self._failing[1] > SILENT_SECONDS

    def bad(self, trouble: str) -> None:
        """Kafka could not be written to, or not be asked; `trouble` is for people."""
        self._trouble = trouble

    def problem(self, now: float, oldest: float | None) -> str | None:
        """Why Kafka cannot be written to. `oldest` is when the batch that has waited longest was handed over."""
        if self._trouble is None and oldest is not None and now - oldest > SILENT_SECONDS:
            return f"a batch has had no answer for {now - oldest:.0f} s"
        if self._trouble is None and self._failing is not None and not self._over(now):
            since, _, trouble = self._failing
            if now - since > SILENT_SECONDS:
                return f"no batch has been taken for {now - since:.0f} s: {trouble}"
        return self._trouble

    def log_change(self, problem: str | None) -> None:
        """Write a line when it has become good or bad since the last call, or bad for another reason.

        A batch without an answer is all that is known at first; Kafka tells why when it is asked.
        """
        if problem is None and self._said is not None:
            log.info("Kafka can be written to")
        elif problem is not None and (self._said is None or self._trouble not in (None, self._trouble_said)):
            log.warning("Kafka cannot be written to", reason=problem)
            self._trouble_said = self._trouble
        self._said = problem
