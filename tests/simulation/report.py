"""What people read: a failing history, small enough to think about, and the table of what occurred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.plan import Plan, make
from tests.simulation.process import SimulatedService
from tests.simulation.shrink import shrink
from tests.simulation.world import run

if TYPE_CHECKING:
    from collections import Counter

FIRST_WORDS = 12  # letters of the complaint by which two failures are the same


def explain(seed: int, service: type[SimulatedService] = SimulatedService) -> str:
    """Why a seed fails: its smallest history, how it went, and how to see it again."""
    plan = make(seed)
    complaint = run(plan, service).broken[:FIRST_WORDS]
    smallest = shrink(plan, lambda other: run(other, service).broken.startswith(complaint))
    return f"seed {seed}, as small as it gets:\n{tell(smallest, service)}"


def tell(plan: Plan, service: type[SimulatedService] = SimulatedService) -> str:
    """One history from its plan to what was broken."""
    result = run(plan, service)
    lines = [
        plan.to_json(),
        *result.trace,
        result.broken or f"good: {result.verdict}",
        "again: put the first line into a file, and run python -m tests.simulation --plan FILE",
    ]
    return "\n".join(lines)


def table(seen: Counter[str]) -> str:
    """How often everything occurred."""
    return "\n".join(f"{count:10,} {what}" for what, count in sorted(seen.items()))
