"""`make chaos`: real faults on a real cluster under load, and what became of every message: one table, and JSON."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

import uvloop

from tests.faults.access_faults import ACCESS_FAULTS
from tests.faults.adapter_faults import ADAPTER_FAULTS
from tests.faults.broker_faults import BROKER_FAULTS
from tests.faults.network_faults import NETWORK_FAULTS
from tests.faults.row import Row, table
from tests.faults.stage import Fault, Stage
from tests.support.kafka_cluster import KafkaCluster

FAULTS = {fault.name: fault for fault in (*BROKER_FAULTS, *ACCESS_FAULTS, *NETWORK_FAULTS, *ADAPTER_FAULTS)}
MESSAGES = 100_000
LOG_TAIL = 8000  # characters of the adapter's log that are shown when a promise was broken


def play(cluster: KafkaCluster, fault: Fault, messages: int, *, brief: bool = False) -> Row:
    """One fault, on topics and with an adapter of its own; the cluster is whole before and after."""
    if fault.release != cluster.release:
        with KafkaCluster(release=fault.release) as own:
            return play(own, fault, messages, brief=brief)
    cluster.heal()
    stage = Stage(fault, cluster, f"{fault.name}-{time.time_ns():x}", brief=brief)
    cluster.create_topic(stage.topic, stage.partitions)
    cluster.until_in_sync(stage.topic, stage.partitions)
    row = None
    try:
        row = uvloop.run(stage.run(messages))
        return row
    finally:
        if row is None or row.broken:
            sys.stderr.write(stage.adapter.output()[-LOG_TAIL:])
        stage.close()
        cluster.heal()
        cluster.delete_topic(stage.topic)


def main() -> int:
    """Run the matrix, or some of it. Exit code 1: a promise was broken."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--faults", default=",".join(FAULTS), help="names with commas between")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="acknowledged messages a fault, at the least")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    unknown = set(options.faults.split(",")) - set(FAULTS)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    rows: list[Row] = []
    with KafkaCluster() as cluster:
        for name in options.faults.split(","):
            if FAULTS[name].needs_root and os.geteuid():
                sys.stderr.write(f"{name} was left out: it needs root\n")
                continue
            try:
                row = play(cluster, FAULTS[name], options.messages)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the others are still worth running
                row = Row(name, broken=[f"did not run to its end: {error!r}"])
            rows.append(row)
            sys.stderr.write(table([row]))
            if options.json:
                options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
    sys.stdout.write("\n" + table(rows))
    return 1 if any(row.broken for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
