"""`adapter.preflight.clock`: how far Kafka's clock is from ours."""

from __future__ import annotations

import pytest

from adapter.kafka.inspection import ClockFacts
from adapter.preflight.clock import check_clock
from adapter.preflight.finding import Verdict


@pytest.mark.parametrize(
    ("ahead", "uncertainty", "verdict", "text"),
    [
        (0.5, 0.01, Verdict.OK, "its clock is 0.500 s ahead of ours, give or take 0.010 s"),
        (-90.0, 0.01, Verdict.WARNING, "its clock is 90.000 s behind ours, give or take 0.010 s"),
        (3.0, 2.5, Verdict.OK, "its clock is 3.000 s ahead of ours, give or take 2.500 s"),
        (None, 0.0, Verdict.UNKNOWN, "its clock cannot be measured (CLUSTER_AUTHORIZATION_FAILED)"),
    ],
)
def test_a_second_more_than_can_be_a_matter_of_measuring_is_a_warning(
    ahead: float | None, uncertainty: float, verdict: Verdict, text: str
) -> None:
    finding = check_clock(ClockFacts(ahead, uncertainty, "CLUSTER_AUTHORIZATION_FAILED"))
    assert (finding.verdict, finding.text) == (verdict, text)
