"""The goals, computed from what was measured."""

from dataclasses import dataclass

from tests.bench.results import Figure, Results, Spread, cpu, idle, p99, rate

OURS = "adapter"
PEER = "aedes"


@dataclass(frozen=True, slots=True)
class Goal:
    """`value` must be at most (or at least) `limit`; None: not measured."""

    name: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is; None when it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def median(figure: Spread | None) -> float | None:
    """The middle, if there is one."""
    return figure.median if figure else None


def goals(results: Results) -> list[Goal]:
    """All of them, in the order in which they matter."""

    def ratio(shape: str, figure: Figure) -> float | None:
        return median(results.ratio(OURS, PEER, shape, figure))

    # QoS 0 is not acknowledged: what it lost stands beside its figures.
    own = [result for result in results.all if result.system == OURS and result.p99_ms is not None]
    verified = [abs(result.missing) for result in own if result.missing is not None]
    published = [result.disordered for result in own]
    return [
        Goal("acknowledged and not in Kafka, or there twice", float(sum(verified)) if verified else None, 0),
        Goal("PUBACKs out of order", float(sum(published)) if published else None, 0),
        Goal(f"CPU per message, 20x200, {OURS} : {PEER}", ratio("20x200", cpu), 1 / 3),
        Goal(f"CPU per message, 20x200, {OURS} : {PEER} (aim)", ratio("20x200", cpu), 1 / 4),
        Goal(f"CPU per message, 1000x1, {OURS} : {PEER}", ratio("1000x1", cpu), 1 / 2),
        Goal(f"p99, 1000x1, {OURS} : {PEER}", ratio("1000x1", p99), 1),
        Goal(f"messages/s, 20x200, {OURS} : {PEER}", ratio("20x200", rate), 2, at_least=True),
        Goal("KiB for each idle connection", median(results.figure(OURS, "idle", idle)), 4),
    ]
