"""Real faults on a real cluster, in short: `make chaos` plays all of them, for longer, and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.chaos import FAULTS, play
from tests.faults.stage import Fault
from tests.support.kafka_cluster import KafkaCluster
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.stage import Stage

MESSAGES = 5_000
SHORT = (
    "leader-killed",
    "leader-frozen",
    "right-taken",
    "partitions-grow",
    "brokers-half-open",
    "adapter-terminated",
    "adapter-killed",
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster() as three:
        yield three


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost_reordered_or_doubled_without_reason(cluster: KafkaCluster, name: str) -> None:
    fault = FAULTS[name]
    row = play(cluster, fault, MESSAGES, brief=True)
    assert row.verdict.good, row
    assert row.verdict.acknowledged >= MESSAGES
    assert row.ledger == 0
    assert row.closed == 0 or fault.may_close
    assert not any("never answered" in line or "ended with" in line for line in row.broken), row.broken


async def killed_while_it_holds_messages(stage: Stage) -> None:
    for node in stage.cluster.nodes:
        node.pause()
    acked = stage.fleet.acked
    await until(lambda: stage.fleet.acked > acked + 500)  # what is in the brokers' sockets already is not lost
    await stage.aside(stage.adapter.kill)
    for node in stage.cluster.nodes:
        node.resume()
    await stage.start_another({})


def test_losses_are_seen_where_an_operator_accepts_them(cluster: KafkaCluster) -> None:
    accepting = {"DELIVERY": "at_most_once", "MQTT__PUBACK": "on_receipt"}
    row = play(cluster, Fault("accepted", killed_while_it_holds_messages, variables=accepting), MESSAGES, brief=True)
    assert row.verdict.lost > 0
    assert any(line.startswith("lost") for line in row.broken)
