"""What `verify` says of what it found."""

from __future__ import annotations

import pytest

from adapter.verify.judge import Verdict
from adapter.verify.report import Latency, Report, latency


def report(verdict: Verdict, before_record: int = 0, checked: int = 100) -> Report:
    return Report("r", True, False, 1.0, verdict, 0, 0, 0, checked, before_record, 0, {0x87: 2}, None, None)  # noqa: FBT003


def test_percentiles_are_in_milliseconds() -> None:
    assert latency([number / 1000 for number in range(1, 101)]) == Latency(51.0, 91.0, 100.0, 100.0)
    assert latency([]) is None


def test_a_run_without_a_broken_promise_is_proved() -> None:
    good = report(Verdict(messages=2, acknowledged=2, records=3, unexplained=1))
    assert good.proved
    assert "Every promise was kept." in good.as_text()
    assert good.as_dict()["codes"] == {"0x87": 2}


def test_without_an_acknowledgement_nothing_is_proved() -> None:
    nothing = report(Verdict(messages=2))
    assert not nothing.proved
    assert "nothing is proved" in nothing.as_text()


def test_with_few_checked_pubacks_nothing_is_proved() -> None:
    few = report(Verdict(messages=200, acknowledged=200), checked=99)
    assert not few.proved
    assert "Every promise" not in few.as_text()
    assert "only 99 PUBACKs were checked" in few.as_text()
    assert "--rate" in few.as_text()


@pytest.mark.parametrize("flaw", ["lost", "reordered", "disordered", "refused_but_there", "strangers"])
def test_each_broken_promise_is_named(flaw: str) -> None:
    bad = report(Verdict(acknowledged=5, **{flaw: 3}))
    assert list(bad.broken.values()) == [3]
    assert not bad.proved
    assert "BROKEN" in bad.as_text()


def test_a_puback_before_the_record_is_a_broken_promise() -> None:
    assert report(Verdict(acknowledged=5), before_record=1).broken == {"PUBACKs before the record could be read": 1}
