"""The result of a proof, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from adapter.verify.packets import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapter.verify.judge import Verdict


# Few checks would miss an adapter that acknowledges too early now and then, or by little.
ENOUGH_CHECKS = 100


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float


def latency(seconds: Sequence[float]) -> Latency | None:
    """Return the percentiles (nearest rank) of durations in seconds; None if there are none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    ranks = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.9, 0.99, 1.0))
    return Latency(*(round(value, 2) for value in ranks))


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of messages, except `checked` (PUBACKs), `returns` (connections) and `codes` (reason code → answers)."""

    run_id: str
    complete: bool  # everything was published and answered within the time limit
    interrupted: bool  # by Ctrl-C, while publishing
    seconds: float
    verdict: Verdict
    unanswered: int
    refused: int
    qos_0_not_there: int
    checked: int
    before_record: int  # PUBACKs that came before the record could be read
    returns: int
    codes: dict[int, int]
    puback: Latency | None
    consumer: Latency | None

    @property
    def broken(self) -> dict[str, int]:
        """The broken promises, and how often each was broken."""
        verdict = self.verdict
        found = {
            "acknowledged, but not in Kafka": verdict.lost,
            "first occurrences out of order": verdict.reordered,
            "PUBACKs out of order": verdict.disordered,
            "PUBACKs before the record could be read": self.before_record,
            "refused, but in Kafka": verdict.refused_but_there,
            "in Kafka, but never sent": verdict.strangers,
        }
        return {name: count for name, count in found.items() if count}

    @property
    def proved(self) -> bool:
        """Whether messages were acknowledged, enough PUBACKs were checked, and no promise was broken."""
        return not self.broken and self.verdict.acknowledged > 0 and self.checked >= ENOUGH_CHECKS

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            **asdict(self),
            "codes": {f"0x{code:02x}": count for code, count in self.codes.items()},
            "broken": self.broken,
            "proved": self.proved,
        }

    def as_text(self) -> str:
        """Render a table."""
        verdict = self.verdict
        rows: list[tuple[str, object]] = [
            ("messages published", f"{verdict.messages} in {self.seconds:.1f} s"),
            ("acknowledged", verdict.acknowledged),
            ("refused by the adapter", self.refused),
            ("QoS 1 and 2 without an answer", self.unanswered),
            ("QoS 0 not in Kafka", self.qos_0_not_there),
            ("records read back", verdict.records),
            ("reconnections", self.returns),
            ("duplicates that devices sent", verdict.repeated),
            ("duplicates that the producer made", verdict.unexplained),
            ("acknowledged, but not in Kafka", verdict.lost),
            ("first occurrences out of order", verdict.reordered),
            ("PUBACKs out of order", verdict.disordered),
            ("PUBACKs before the record could be read", f"{self.before_record} of {self.checked} checked"),
            ("refused, but in Kafka", verdict.refused_but_there),
            ("in Kafka, but never sent", verdict.strangers),
        ]
        for name, times in (("PUBLISH to PUBACK, ms", self.puback), ("PUBLISH to consumer, ms", self.consumer)):
            if times is not None:
                rows.append((name, f"p50 {times.p50}  p90 {times.p90}  p99 {times.p99}  max {times.max}"))
        rows += [(f"answers {name_of(code)}", count) for code, count in sorted(self.codes.items())]
        lines = [f"{name:<42}{value}" for name, value in rows]
        if self.interrupted:
            lines.append("Interrupted: this is about what was published until then.")
        elif not self.complete:
            lines.append("The time limit passed before everything was answered.")
        if self.broken:
            lines.append("BROKEN: " + "; ".join(f"{name}: {count}" for name, count in self.broken.items()))
        elif self.proved:
            lines.append("Every promise was kept.")
        elif self.verdict.acknowledged:
            lines.append(
                f"No promise was seen to be broken, but only {self.checked} PUBACKs were checked against Kafka, and "
                f"{ENOUGH_CHECKS} are needed: raise --messages or --seconds, or set --rate."
            )
        else:
            lines.append("Nothing was acknowledged, so nothing is proved.")
        return "\n".join(lines) + "\n"
