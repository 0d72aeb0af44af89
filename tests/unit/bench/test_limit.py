"""The output of Kafka's own benchmark."""

import pytest

from tests.bench.limit import parse

OUTPUT = """\
1307604 records sent, 258113.7 records/sec (31.51 MB/sec), 190.5 ms avg latency, 412.0 ms max latency.
1500000 records sent, 277161.9 records/sec (33.83 MB/sec), 195.66 ms avg latency, 412.00 ms max latency, \
200 ms 50th, 355 ms 95th, 384 ms 99th, 409 ms 99.9th.
"""


def test_the_last_line_sums_up() -> None:
    result = parse(OUTPUT, 2, cpu_seconds=6.0)
    assert (result.round, result.messages, result.rate, result.cpu_us) == (2, 1_500_000, 277161.9, 4.0)
    assert (result.p50_ms, result.p99_ms) == (200.0, 384.0)


def test_output_without_a_summary_is_an_error() -> None:
    with pytest.raises(ValueError, match="no summary"):
        parse("org.apache.kafka.common.errors.TimeoutException", 1, cpu_seconds=1.0)
