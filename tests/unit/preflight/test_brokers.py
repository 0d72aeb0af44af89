"""`adapter.preflight.brokers`: whether Kafka answers, and where not."""

from __future__ import annotations

import pytest

from adapter.kafka.inspection import ClockFacts, ClusterFacts, Inspection
from adapter.kafka.reach import Reach, Step
from adapter.preflight.brokers import check_brokers, release
from adapter.preflight.finding import Finding, Verdict

GOOD = Reach("a:1", versions={1: (4, 18)})
AWAY = Reach("b:1", Step.TCP, "refused")
CLUSTER = ClusterFacts((), None, (), ClockFacts(0.0))


def said(inspection: Inspection, now: float = 0.0) -> list[tuple[str, str, Verdict]]:
    found: list[Finding] = list(check_brokers(inspection, now))
    assert all(bool(finding.fix) == (finding.verdict is not Verdict.OK) for finding in found)
    return [(finding.check, finding.subject, finding.verdict) for finding in found]


def test_a_cluster_that_answers_everywhere_is_good() -> None:
    assert said(Inspection((GOOD,), (GOOD,), CLUSTER)) == [
        ("bootstrap server", "a:1", Verdict.OK),
        ("broker", "a:1", Verdict.OK),
    ]


def test_one_of_the_bootstrap_servers_is_enough() -> None:
    assert said(Inspection((GOOD, AWAY), (GOOD,), CLUSTER))[1] == ("bootstrap server", "b:1", Verdict.WARNING)


def test_without_any_bootstrap_server_the_rest_is_unknown() -> None:
    assert said(Inspection((AWAY,))) == [
        ("bootstrap server", "b:1", Verdict.FAILED),
        ("cluster", "Kafka", Verdict.UNKNOWN),
    ]


def test_every_broker_must_be_reached_where_it_says_that_it_is() -> None:
    assert ("broker", "b:1", Verdict.FAILED) in said(Inspection((GOOD,), (GOOD, AWAY), CLUSTER))


def test_a_cluster_that_cannot_be_described_fails() -> None:
    assert said(Inspection((GOOD,), why="a:1: it is too old"))[-1] == ("cluster", "Kafka", Verdict.FAILED)


def test_the_step_that_fails_is_named() -> None:
    [finding, _] = check_brokers(Inspection((AWAY,)), 0.0)
    assert finding.text == "TCP fails: refused"


@pytest.mark.parametrize(("now", "verdict"), [(0.0, Verdict.OK), (1e7, Verdict.FAILED)])
def test_the_certificate_of_a_broker_is_looked_at_once(now: float, verdict: Verdict) -> None:
    shown = Reach("a:1", certificate=(-1.0, 1e7), versions=GOOD.versions)
    found = [each for each in said(Inspection((shown,), (shown,), CLUSTER), now) if each[0] == "certificate"]
    assert found == [("certificate", "a:1", verdict)]


@pytest.mark.parametrize(
    ("newest", "text"),
    [(10, "Kafka older than 2.3"), (14, "Kafka 3.1 or later"), (18, "Kafka 4.1 or later"), (99, "Kafka 4.1 or later")],
)
def test_the_release_is_told_as_far_as_it_is_known(newest: int, text: str) -> None:
    assert release({1: (0, newest)}) == text
