"""Compares Kafka's clock with ours. Records carry our time; Kafka deletes by it, and may reject by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.preflight.finding import ok, unknown, warning

if TYPE_CHECKING:
    from adapter.kafka.inspection import ClockFacts
    from adapter.preflight.finding import Finding

CHECK = "clock"
SUBJECT = "Kafka's controller"
MUCH = 1.0  # seconds; with NTP the difference is milliseconds


def check_clock(clock: ClockFacts) -> Finding:
    """Judge the clock of Kafka's controller, the only one that can be queried."""
    if clock.ahead is None:
        fix = "compare the clocks by other means, or allow Describe on the cluster"
        return unknown(CHECK, SUBJECT, f"its clock cannot be measured ({clock.why})", fix)
    side = "ahead of" if clock.ahead > 0 else "behind"
    text = f"its clock is {abs(clock.ahead):.3f} s {side} ours, give or take {clock.uncertainty:.3f} s"
    if abs(clock.ahead) - clock.uncertainty > MUCH:
        return warning(CHECK, SUBJECT, text, "synchronise both clocks with NTP")
    return ok(CHECK, SUBJECT, text)
