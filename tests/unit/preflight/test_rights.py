"""`adapter.preflight.rights`: whether we may write."""

from __future__ import annotations

import pytest

from adapter.kafka.inspection import TopicFacts
from adapter.kafka.reach import Reach, Step
from adapter.preflight.finding import Verdict
from adapter.preflight.rights import Idempotence, check_rights, rule_of_idempotence

BY_A_RIGHT, WITH_WRITE, NOT_USED = Idempotence.BY_A_RIGHT, Idempotence.WITH_WRITE, Idempotence.NOT_USED


@pytest.mark.parametrize(
    ("topic", "cluster", "idempotence", "verdict"),
    [
        ({"Write"}, set(), WITH_WRITE, Verdict.OK),
        ({"Write"}, None, NOT_USED, Verdict.OK),
        ({"Write"}, {"IdempotentWrite"}, BY_A_RIGHT, Verdict.OK),
        ({"Write"}, set(), BY_A_RIGHT, Verdict.FAILED),
        ({"Write"}, None, BY_A_RIGHT, Verdict.FAILED),
        ({"Describe"}, {"IdempotentWrite"}, WITH_WRITE, Verdict.FAILED),
        (None, None, WITH_WRITE, Verdict.UNKNOWN),
    ],
)
def test_writing_is_allowed_when_the_topic_and_if_need_be_the_cluster_allow_it(
    topic: set[str] | None, cluster: set[str] | None, idempotence: Idempotence, verdict: Verdict
) -> None:
    facts = TopicFacts("t", operations=None if topic is None else frozenset(topic))
    finding = check_rights(facts, None if cluster is None else frozenset(cluster), idempotence)
    assert finding.verdict is verdict
    assert bool(finding.fix) == (verdict is not Verdict.OK)


def test_one_old_broker_is_enough_for_the_old_rule() -> None:
    new, old = Reach("a:1", versions={3: (0, 13)}), Reach("b:1", versions={3: (0, 9)})
    assert rule_of_idempotence([new, new]) is WITH_WRITE
    assert rule_of_idempotence([new, old]) is BY_A_RIGHT


def test_a_broker_that_does_not_answer_says_nothing_about_the_rule() -> None:
    away = Reach("b:1", failed=Step.TCP)
    assert rule_of_idempotence([Reach("a:1", versions={3: (0, 13)}), away]) is WITH_WRITE
