"""What people read: a table for each shape, and the goals. Everything in it is computed from `Results`."""

from collections.abc import Iterable, Sequence

from tests.bench import limit
from tests.bench.goals import OURS, PEER, Goal
from tests.bench.peers.base import Peer
from tests.bench.results import Results, Spread, cpu, idle, p50, p99, rate
from tests.bench.shapes import Shape

HEADS = ("", "messages/s", "CPU µs/message", "p50 ms", "p99 ms", "")
NOTHING = "-"
IDLE_HEADS = ("", "KiB/connection", "MiB in all", "")


def figure(spread: Spread | None) -> str:
    """The median, with the least and the most when they differ."""
    if spread is None:
        return NOTHING
    if spread.least == spread.most:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.least)} to {number(spread.most)})"


def number(value: float) -> str:
    """About three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(rows: Sequence[Sequence[str]], *, right: bool = True) -> str:
    """Columns as wide as their widest cell: the first to the left, the others to the right where they are figures."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column and right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def remarks(results: Results, system: str, shape: Shape) -> str:
    """What is wrong with a system's figures, if anything is."""
    rounds = results.of(system, shape.name)
    missing = sum(result.missing for result in rounds if result.missing)
    disordered = sum(result.disordered for result in rounds)
    words = []
    if missing:
        fate = "dropped" if not shape.qos else "not in Kafka" if missing > 0 else "twice in Kafka"
        words.append(f"{abs(missing):,} {fate}")
    if disordered:
        words.append(f"{disordered:,} PUBACKs out of order")
    return ", ".join(words)


def shape_table(results: Results, shape: Shape, titles: dict[str, str]) -> str:
    """All systems in one shape, and the ratio that the goals speak of."""
    rows: list[tuple[str, ...]] = []
    measured = [name for name in titles if results.of(name, shape.name)]
    if shape.idle:
        rows.append(IDLE_HEADS)
        for name in measured:
            whole = results.figure(name, shape.name, lambda result: result.rss_mib)
            rows.append((titles[name], figure(results.figure(name, shape.name, idle)), figure(whole), ""))
    else:
        rows.append(HEADS)
        for name in measured:
            cells = [figure(results.figure(name, shape.name, one)) for one in (rate, cpu, p50, p99)]
            rows.append((titles[name], *cells, remarks(results, name, shape)))
        ratios = [results.ratio(OURS, PEER, shape.name, one) for one in (rate, cpu, p50, p99)]
        if any(ratios):
            rows.append((f"{OURS} : {PEER}", *map(figure, ratios), ""))
    return f"{shape.title}\n{table(rows)}"


def limit_line(results: Results) -> str:
    """Kafka's own benchmark."""
    spread = results.figure(limit.SYSTEM, limit.SHAPE, rate)
    return f"Kafka's own producer benchmark, acks=all, idempotent: {figure(spread)} records/s"


def goal_lines(goals: Iterable[Goal]) -> str:
    """Met, missed or not measured."""
    words = {True: "met", False: "MISSED", None: "not measured"}
    rows = [
        (
            words[goal.met],
            goal.name,
            NOTHING if goal.value is None else number(goal.value),
            f"{'at least' if goal.at_least else 'at most'} {number(goal.limit)}",
        )
        for goal in goals
    ]
    return f"Goals\n{table(rows, right=False)}"


def report(results: Results, shapes: Iterable[Shape], peers: Iterable[Peer], goals: Iterable[Goal]) -> str:
    """The whole of it."""
    peers = list(peers)
    titles = {peer.name: peer.title for peer in peers}
    parts = [table([(peer.title, peer.conditions) for peer in peers], right=False)]
    parts += [shape_table(results, shape, titles) for shape in shapes]
    if results.of(limit.SYSTEM, limit.SHAPE):
        parts.append(limit_line(results))
    parts.append(goal_lines(goals))
    return "\n\n".join(parts) + "\n"
