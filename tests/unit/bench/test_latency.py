"""Percentiles of weighted histograms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.latency import percentile


def test_a_percentile_is_what_so_many_messages_did_not_exceed() -> None:
    histogram = {99: 98, 499: 1, 999: 1}
    assert [percentile(histogram, fraction) for fraction in (0.5, 0.98, 0.99, 1.0)] == [1.0, 1.0, 5.0, 10.0]


def test_no_messages_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no latencies"):
        percentile({}, 0.5)


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0.01, 1.0))
def test_weights_stand_for_single_messages(buckets: list[int], fraction: float) -> None:
    """The percentile of a histogram is that of the sorted latencies."""
    histogram = {bucket: buckets.count(bucket) for bucket in buckets}
    value = percentile(histogram, fraction)
    below = sum((bucket + 1) / 100 <= value for bucket in buckets)
    less = sum((bucket + 1) / 100 < value for bucket in buckets)
    assert less < fraction * len(buckets) <= below
