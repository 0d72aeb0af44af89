"""What a fault came to: one row of figures, the promises that it broke, and the table of all rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapter.verify.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.stage import Fault

RECOVERY_SECONDS = 3.0  # from when Kafka can be written to, until the last device has its first PUBACK
LEAST_DRAIN = 0.5  # of the undisturbed rate
COLUMNS = (
    "fault", "messages", "acked", "lost", "reordered", "dup expl.", "dup unexpl.", "PUBACK dis.", "ledger",
    "gap s", "recovery s", "drain", "rate/s", "RSS MB", "closed", "seconds",
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """Times in seconds, memory in MB; None: not measured. `broken` names promises."""

    fault: str
    verdict: Verdict = field(default_factory=Verdict)
    excused: int = 0  # acknowledged, and thrown away on purpose with their topic
    ledger: float = 0
    recovery: float | None = None
    drain: float | None = None  # how fast it goes on, as a share of the rate before
    rate: float = 0  # messages a second at full speed before the fault
    gap: float = 0  # the longest time without any PUBACK while the fault played: whether it was felt
    repeats: float = 0  # records that the adapter handed to Kafka again without knowing
    rss: float = 0
    rss_limit: float = 0
    closed: float = 0  # connections that the adapter ended
    gave_up: int = 0  # connections that devices gave up because nothing came
    seconds: float = 0
    broken: list[str] = field(default_factory=list)

    def judge_figures(self, fault: Fault) -> None:
        """Add to `broken` what the figures say."""
        broken, verdict = self.broken, self.verdict
        for name in ("lost", "reordered", "unexplained", "disordered", "refused_but_there", "strangers"):
            if getattr(verdict, name):
                broken.append(f"{name} {getattr(verdict, name)}")
        if self.ledger:
            broken.append(f"ledger {self.ledger:g}")
        if self.closed and not fault.may_close:
            broken.append(f"closed {self.closed:g}")
        if self.rss > self.rss_limit:
            broken.append(f"RSS {self.rss:.0f} MB")
        if self.gave_up and not fault.spoils_devices and not fault.overfills:
            broken.append(f"{self.gave_up} connections whose pings had no answer")
        if self.recovery is not None and self.recovery > RECOVERY_SECONDS:
            broken.append(f"recovery {self.recovery:.1f} s")
        if self.drain is not None and self.drain < LEAST_DRAIN:
            broken.append(f"drain {self.drain:.2f}")

    def cells(self) -> list[str]:
        """Its line of the table."""
        verdict = self.verdict
        return [
            self.fault,
            f"{verdict.messages}",
            f"{verdict.acknowledged + self.excused}",
            f"{verdict.lost}",
            f"{verdict.reordered}",
            f"{verdict.repeated}",
            f"{verdict.unexplained}",
            f"{verdict.disordered}",
            f"{self.ledger:g}",
            f"{self.gap:.1f}",
            "-" if self.recovery is None else f"{self.recovery:.2f}",
            "-" if self.drain is None else f"{self.drain:.2f}",
            f"{self.rate:.0f}",
            f"{self.rss:.0f}",
            f"{self.closed:g}",
            f"{self.seconds:.0f}",
        ]


def table(rows: Sequence[Row]) -> str:
    """All rows, and under them what is broken."""
    lines = [list(COLUMNS), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    text = "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    broken = [f"{row.fault}: {', '.join(row.broken)}" for row in rows if row.broken]
    return "\n".join([text, "", *(["BROKEN", *broken] if broken else ["Every promise was kept."])]) + "\n"
