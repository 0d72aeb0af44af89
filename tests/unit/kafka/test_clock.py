"""What Kafka's refusal of timestamps means depends on whether the messages are old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from adapter.errors import BlockedError, TimestampError
from adapter.kafka.clock import FRESH_SECONDS, Clock
from tests.support.batches import make_batch

if TYPE_CHECKING:
    from adapter.runs import Batch

ERROR = TimestampError("INVALID_TIMESTAMP")


def batch(topic: str = "plant") -> Batch:
    """Of messages that arrived at 1000.0."""
    return make_batch(topic, 0, [b"1"])


def test_messages_that_have_waited_are_too_old_and_refused() -> None:
    clock = Clock()
    with capture_logs() as lines:
        assert clock.refused(batch(), ERROR, 1000.0 + FRESH_SECONDS) is ERROR
    assert lines == []


def test_when_messages_that_have_just_arrived_are_refused_all_of_the_topic_wait_and_the_clock_is_named() -> None:
    clock = Clock()
    with capture_logs() as lines:
        assert isinstance(clock.refused(batch(), ERROR, 1001.0), BlockedError)
        assert isinstance(clock.refused(batch(), ERROR, 1059.0), BlockedError)
        assert clock.refused(batch("yard"), ERROR, 1059.0) is ERROR
    [line] = lines
    assert line["log_level"] == "error"
    assert "compare the clocks" in line["event"]


def test_when_the_topic_takes_something_again_the_clock_is_right() -> None:
    clock = Clock()
    clock.refused(batch(), ERROR, 1001.0)
    clock.taken("plant")
    assert clock.refused(batch(), ERROR, 1059.0) is ERROR


def test_it_is_said_once_a_minute() -> None:
    clock = Clock()
    with capture_logs() as lines:
        for second in range(130):
            clock.refused(batch(), ERROR, 1001.0 + second)
    assert len(lines) == 3
