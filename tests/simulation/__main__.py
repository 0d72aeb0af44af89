"""`make simulate SEEDS=…`, or `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.simulation.many import simulate
from tests.simulation.plan import Plan, make
from tests.simulation.report import explain, table, tell
from tests.simulation.world import run

MOST_EXPLAINED = 3


def main() -> int:
    """Run the seeds; 1 when one of them failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Histories from seeds, with faults, judged by what is promised."
    )
    parser.add_argument("--seeds", type=int, default=2000, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="K", help="the first of them (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="J", help="processes (default: all cores)")
    parser.add_argument("--seed", type=int, metavar="X", help="tell the history of this seed alone")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="tell the history of this plan (JSON) alone")
    options = parser.parse_args()
    if options.seed is not None or options.plan is not None:
        plan = make(options.seed) if options.plan is None else Plan.from_json(options.plan.read_text())
        sys.stdout.write(tell(plan) + "\n")
        return bool(run(plan).broken)
    seeds = range(options.first, options.first + options.seeds)
    began = time.monotonic()
    found = simulate(seeds, options.jobs, progress=_progress)
    seconds = time.monotonic() - began
    sys.stderr.write("\n")
    failed = sorted(found.failed)
    lines = [table(found.seen), f"{len(seeds):,} seeds in {seconds:.0f} s, {len(seeds) / seconds:.0f} a second"]
    lines += [explain(seed) for seed in failed[:MOST_EXPLAINED]]
    lines.append(f"{len(failed)} seeds failed: {failed}" if failed else "all good")
    sys.stdout.write("\n".join(lines) + "\n")
    return bool(failed)


def _progress(done: int, of: int, failed: int) -> None:
    sys.stderr.write(f"\r{done:,} of {of:,} seeds, {failed} failed ")


if __name__ == "__main__":
    sys.exit(main())
