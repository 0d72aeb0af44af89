"""What was measured, and what several rounds of it say together."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One system in one shape in one round. Times in the units of the names; None: not measured in this shape.

    `missing` is messages minus the records that Kafka holds (negative: duplicates); `disordered` the PUBACKs that did
    not leave in the order of the PUBLISH packets.
    """

    system: str
    shape: str
    round: int
    messages: int = 0
    seconds: float = 0.0
    rate: float | None = None  # messages a second
    cpu_us: float | None = None  # of the system's own process, user and system, for each message
    load_cpu_us: float | None = None  # of the load generator
    p50_ms: float | None = None
    p99_ms: float | None = None
    disordered: int = 0
    missing: int | None = None
    idle_kib: float | None = None  # resident memory for each idle connection
    rss_mib: float | None = None  # of the process, when the shape was done

    def brief(self) -> str:
        """One line."""
        if self.idle_kib is not None:
            return f"{self.idle_kib:.1f} KiB for each connection"
        latency = "" if self.p99_ms is None else f", p99 {self.p99_ms:.1f} ms"
        return f"{self.rate:,.0f} messages/s, {self.cpu_us:.1f} µs{latency}"


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle and the ends of some measurements."""

    median: float
    least: float
    most: float


Figure = Callable[[Result], float | None]


def rate(result: Result) -> float | None:
    """Messages a second."""
    return result.rate


def cpu(result: Result) -> float | None:
    """CPU µs for each message."""
    return result.cpu_us


def p50(result: Result) -> float | None:
    """Median latency, ms."""
    return result.p50_ms


def p99(result: Result) -> float | None:
    """99th percentile of the latency, ms."""
    return result.p99_ms


def idle(result: Result) -> float | None:
    """KiB for each idle connection."""
    return result.idle_kib


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the values that are there; None when none is."""
    there = [value for value in values if value is not None]
    if not there:
        return None
    return Spread(statistics.median(there), min(there), max(there))


class Results:
    """All measurements of a bench."""

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self.all = list(results)

    def of(self, system: str, shape: str) -> list[Result]:
        """Its rounds."""
        return [result for result in self.all if (result.system, result.shape) == (system, shape)]

    def figure(self, system: str, shape: str, figure: Figure) -> Spread | None:
        """One figure over the rounds."""
        return spread(figure(result) for result in self.of(system, shape))

    def ratio(self, system: str, other: str, shape: str, figure: Figure) -> Spread | None:
        """`system` : `other`, round by round, because rounds differ more than systems in one round do."""
        theirs = {result.round: figure(result) for result in self.of(other, shape)}
        ratios = []
        for result in self.of(system, shape):
            one, two = figure(result), theirs.get(result.round)
            if one is not None and two:
                ratios.append(one / two)
        return spread(ratios)
