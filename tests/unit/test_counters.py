"""Plain integers, and the ledger's equation."""

from adapter.counters import Histogram, Ledger
from adapter.reasons import Reason


def test_an_observation_counts_at_the_first_bound_that_it_does_not_exceed() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    histogram.observe(2.0, count=10)
    assert histogram.counts == [2, 11, 1]
    assert histogram.sum == 32.0


def test_the_ledger_tells_what_is_unaccounted_for() -> None:
    ledger = Ledger()
    ledger.received[1] = 10
    assert ledger.difference(1) == 10
    ledger.acknowledged[1] = 4
    ledger.refused[1][Reason.BAD_TOPIC] = 1
    ledger.dropped[1][Reason.TIMEOUT] = 2
    ledger.unknown[1] = 1
    ledger.pending[1] = 2
    assert ledger.difference(1) == 0
