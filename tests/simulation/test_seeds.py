"""Histories from seeds keep every promise. `make simulate SEEDS=…` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.many import simulate
from tests.simulation.plan import FAULTS, Connection, Fault, Plan, make
from tests.simulation.report import explain
from tests.simulation.shrink import shrink
from tests.simulation.world import run

if TYPE_CHECKING:
    import pytest

SEEDS = 2000
ROOT = Path(__file__).resolve().parents[2]


def test_two_thousand_histories_keep_every_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its processes need not be measured for coverage, which would make them several times slower.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    found = simulate(range(SEEDS), os.cpu_count())
    assert found.failed == [], explain(min(found.failed))
    # They would prove nothing if nothing had happened in them.
    occurred = [
        *(f"fault: {kind}" for kind in FAULTS), "stop: term", "stop: kill", "sequence repeated", "answer lost",
        "landed after giving up", "batches sent again", "producers replaced", "drained with messages pending",
        "closed: taken_over", "closed: delivery_timeout", "closed: message_refused", "QoS 1 unknown", "QoS 2 unknown",
        "QoS 0 dropped: budget", "QoS 1 refused: rejected_by_kafka", "QoS 2 acknowledged",
        "log: partition count changed",
    ]  # fmt: skip
    assert [what for what in occurred if found.seen[what] < 5] == []


def test_a_seed_makes_the_same_history_again() -> None:
    """In another process too, where addresses and the hashes of strings are others."""
    code = (
        "from tests.simulation.plan import make\n"
        "from tests.simulation.world import run\n"
        "for seed in range(15): print('\\n'.join(run(make(seed)).trace))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    assert told.splitlines() == [line for seed in range(15) for line in run(make(seed)).trace]


def test_a_plan_can_be_written_down() -> None:
    plan = make(7)
    assert Plan.from_json(plan.to_json()) == plan


def test_what_does_not_matter_is_left_out_of_a_failing_history() -> None:
    plan = make(3)
    plan = Plan(3, plan.config, plan.devices, (Fault("slow", 1.0, 1.0), *plan.faults), "term", 2.0)

    def fails(other: Plan) -> bool:
        return any(fault.kind == "slow" for fault in other.faults) and any(
            message.number == 2 for device in other.devices for message in device.messages
        )

    smallest = shrink(plan, fails)
    assert [fault.kind for fault in smallest.faults] == ["slow"]
    assert [[message.number for message in device.messages] for device in smallest.devices] == [[2]]
    assert smallest.stop == ""
    assert all(connection == Connection() for device in smallest.devices for connection in device.connections)
