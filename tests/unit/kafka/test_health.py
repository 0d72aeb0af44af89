"""What readiness shows about Kafka."""

from __future__ import annotations

from structlog.testing import capture_logs

from adapter.kafka.health import SILENT_SECONDS, Health


def test_kafka_is_not_there_until_it_was_reached() -> None:
    health = Health()
    assert health.problem(0.0, None) == "not reached yet"
    health.connected(1.0)
    assert health.problem(1.0, None) is None
    assert health.reached == 1.0


def test_the_last_trouble_shows_until_something_goes_well() -> None:
    health = Health()
    health.connected(1.0)
    health.silent("no broker can be reached")
    assert health.problem(2.0, None) == "no broker can be reached"
    health.connected(3.0)
    assert health.problem(3.0, None) is None


def test_a_batch_without_an_answer_is_a_problem_after_a_while() -> None:
    health = Health()
    health.connected(1.0)
    assert health.problem(10.0 + SILENT_SECONDS, 10.0) is None
    assert health.problem(10.5 + SILENT_SECONDS, 10.0) == f"a batch has had no answer for {SILENT_SECONDS + 0.5:.0f} s"


def test_only_changes_are_logged() -> None:
    health = Health()
    with capture_logs() as lines:
        for problem in (None, None, "away", "away still", None, None):
            health.log_change(problem)
    assert [(line["event"], line.get("reason")) for line in lines] == [
        ("Kafka cannot be written to", "away"),
        ("Kafka can be written to", None),
    ]


def test_kafka_that_answers_and_takes_no_batch_is_not_ready() -> None:
    health = Health()
    health.connected(0.0)
    health.failed(1.0, "NOT_ENOUGH_REPLICAS")
    assert health.problem(2.0, None) is None
    health.failed(6.0, "NOT_ENOUGH_REPLICAS")
    health.answered(7.0)
    assert health.problem(7.0, None) == "no batch has been accepted for 6 s: NOT_ENOUGH_REPLICAS"
    health.wrote(8.0)
    assert health.problem(8.0, None) is None


def test_one_partition_that_fails_while_others_are_written_to_does_not_count() -> None:
    health = Health()
    for second in range(20):
        health.failed(float(second), "LEADER_NOT_AVAILABLE")
        health.wrote(second + 0.5)
    assert health.problem(20.0, None) is None


def test_when_nobody_tries_any_more_it_is_ready_again() -> None:
    health = Health()
    health.connected(0.0)
    health.failed(1.0, "NOT_ENOUGH_REPLICAS")
    health.failed(5.0, "NOT_ENOUGH_REPLICAS")
    health.failed(8.0, "NOT_ENOUGH_REPLICAS")
    assert health.problem(9.0, None) is not None
    assert health.problem(14.0, None) is None
    health.failed(30.0, "NOT_ENOUGH_REPLICAS")
    assert health.problem(31.0, None) is None


def test_a_reason_that_is_found_later_is_logged_once() -> None:
    health = Health()
    health.connected(1.0)
    with capture_logs() as lines:
        health.log_change(health.problem(8.0, 1.0))
        for _ in range(2):
            health.silent("authentication failed")
            health.log_change(health.problem(9.0, 1.0))
        health.connected(10.0)
        health.log_change(health.problem(10.0, None))
        health.silent("authentication failed")
        health.log_change(health.problem(11.0, None))
    assert [line.get("reason") for line in lines] == [
        "a batch has had no answer for 7 s",
        "authentication failed",
        None,
        "authentication failed",
    ]


def test_that_no_producer_can_be_made_shows_until_one_is() -> None:
    """A broker that answers questions does not show it."""
    health = Health()
    health.connected(0.0)
    health.cannot_connect("not allowed to write idempotently")
    health.answered(1.0)
    assert health.problem(2.0, None) == "not allowed to write idempotently"
    health.connected(3.0)
    assert health.problem(3.0, None) is None


def test_while_batches_are_taken_neither_one_that_waits_nor_a_missing_successor_is_kafkas_trouble() -> None:
    health = Health()
    health.connected(0.0)
    health.cannot_connect("not allowed to write idempotently")
    health.wrote(100.0)
    assert health.problem(100.0 + SILENT_SECONDS, 10.0) is None
    assert health.problem(100.1 + SILENT_SECONDS, 10.0) == "not allowed to write idempotently"
