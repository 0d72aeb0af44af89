"""Many seeds, on all cores."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.plan import make
from tests.simulation.world import run

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 25  # seeds that a process gets at a time


@dataclass
class Found:
    """`failed` are seeds; `seen` is how often everything occurred."""

    failed: list[int] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def simulate(seeds: range, jobs: int | None, progress: Callable[[int, int, int], None] | None = None) -> Found:
    """Run them in that many processes, one for each core if None."""
    found = Found()
    done = 0
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for part in pool.imap_unordered(_chunk, chunks):
            found.failed += part.failed
            found.seen += part.seen
            done = min(done + CHUNK, len(seeds))
            if progress is not None:
                progress(done, len(seeds), len(found.failed))
        pool.close()
        pool.join()
    return found


def _chunk(seeds: range) -> Found:
    found = Found()
    for seed in seeds:
        result = run(make(seed))
        found.seen += result.seen
        if not result.good:
            found.failed.append(seed)
    return found
