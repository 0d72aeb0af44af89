"""Tracks whether Kafka can be written to, as `/readyz` shows it. Plain state; the time is passed in."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)

SILENT_SECONDS = 5.0  # after so long without an answer, or with nothing but failures, there is a problem


class Health:
    """Times are in seconds on a monotonic clock. `reached` is the time of Kafka's last good answer."""

    def __init__(self) -> None:
        self.reached = float("-inf")
        self._wrote = float("-inf")
        self._unconnected: str | None = "not reached yet"  # why there is no new producer, though one is needed
        self._silent: str | None = None  # why Kafka could not be asked
        self._said: str | None = None
        self._failing: tuple[float, float, str] | None = None  # since when, when last, why
        self._trouble_said: str | None = None

    def connected(self, now: float) -> None:
        """A new producer has been created. Nothing else proves that this is possible."""
        self._unconnected = None
        self.answered(now)

    def cannot_connect(self, trouble: str) -> None:
        """No new producer could be created; `trouble` is for people."""
        self._unconnected = trouble

    def answered(self, now: float) -> None:
        """Kafka has answered a metadata request."""
        self.reached = now
        self._silent = None

    def wrote(self, now: float) -> None:
        """Kafka has acknowledged a batch."""
        self.answered(now)
        self._wrote = now
        self._failing = None

    def failed(self, now: float, trouble: str) -> None:
        """Kafka did not accept a batch, but may accept it later."""
        since = now if self._failing is None or self._over(now) else self._failing[0]
        self._failing = (since, now, trouble)

    def _over(self, now: float) -> bool:
        """Whether the last failure is old: nothing is being tried any more, and readiness must not depend on it."""
        return self._failing is not None and now - self._failing[1] > SILENT_SECONDS

    def silent(self, trouble: str) -> None:
        """Kafka could not be queried; `trouble` is for people."""
        self._silent = trouble

    def problem(self, now: float, oldest: float | None) -> str | None:
        """Return why Kafka cannot be written to, or None. `oldest` is when the oldest unanswered batch was sent.

        While other batches are taken, one that waits is its partition's trouble, not Kafka's.
        """
        if self._silent is not None:
            return self._silent
        if now - self._wrote <= SILENT_SECONDS:
            return None
        if self._unconnected is not None:
            return self._unconnected
        if oldest is not None and now - oldest > SILENT_SECONDS:
            return f"a batch has had no answer for {now - oldest:.0f} s"
        if self._failing is not None and not self._over(now):
            since, _, trouble = self._failing
            if now - since > SILENT_SECONDS:
                return f"no batch has been accepted for {now - since:.0f} s: {trouble}"
        return None

    def log_change(self, problem: str | None) -> None:
        """Log when Kafka's state, or the reason for it, has changed since the last call.

        At first only the unanswered batch is known; a later probe reveals the reason.
        """
        trouble = self._silent or self._unconnected
        if problem is None and self._said is not None:
            log.info("Kafka can be written to")
        elif problem is not None and (self._said is None or trouble not in (None, self._trouble_said)):
            log.warning("Kafka cannot be written to", reason=problem)
            self._trouble_said = trouble
        self._said = problem
