"""Which refusals become dead letters, and which stand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from adapter.dead_letters import DeadLetters
from adapter.model import Identity, PublishHeader, RecordTemplate, Refusal
from adapter.reasons import PUBACK_CODE, UNAUTHORIZED, Reason
from tests.support.fakes import FakeLog, FakeOwner, make_run

if TYPE_CHECKING:
    from adapter.runs import Run

WHO = Identity("c1")
HEADER = PublishHeader("t/x", 1)
RECORD = RecordTemplate("plant", b"device", (), "route 1")


class Lane:
    """Takes runs, and may be retired."""

    def __init__(self) -> None:
        self.retired = False
        self.runs: list[Run] = []

    def put(self, run: Run) -> None:
        self.runs.append(run)


def letters(topic: str | None = "letters") -> tuple[DeadLetters, tuple[Counter[Reason], ...], FakeLog]:
    counts: tuple[Counter[Reason], ...] = (Counter(), Counter(), Counter())
    log = FakeLog()
    return DeadLetters(topic, "mqtt", counts, log), counts, log


@pytest.mark.parametrize("reason", [reason for reason in PUBACK_CODE if reason not in UNAUTHORIZED])
def test_what_is_refused_for_good_becomes_a_dead_letter(reason: Reason) -> None:
    dead, _, _ = letters()
    refusal = Refusal(reason, "no")
    for letter in (dead.of_record(RECORD, refusal), dead.of_publish(WHO, HEADER, refusal)):
        assert isinstance(letter, RecordTemplate)
        assert (letter.topic, letter.refusal) == ("letters", refusal)


def test_a_device_that_may_not_publish_cannot_fill_the_dead_letter_topic() -> None:
    dead, _, _ = letters()
    refusal = Refusal(Reason.NOT_AUTHORIZED, "no")
    assert dead.of_record(RECORD, refusal) is refusal
    assert dead.of_publish(WHO, HEADER, refusal) is refusal


def test_without_a_dead_letter_topic_every_refusal_stands() -> None:
    dead, _, _ = letters(None)
    refusal = Refusal(Reason.BAD_TOPIC, "no")
    assert dead.of_record(RECORD, refusal) is refusal
    assert dead.of_publish(WHO, HEADER, refusal) is refusal


def test_a_dead_letter_that_is_refused_stays_refused_for_the_first_reason_and_tells_both() -> None:
    dead, _, log = letters()
    letter = dead.of_record(RECORD, Refusal(Reason.TOO_LARGE, "too large"))
    assert isinstance(letter, RecordTemplate)
    assert dead.of_record(letter, Refusal(Reason.REJECTED_BY_KAFKA, "not allowed")) == Refusal(
        Reason.TOO_LARGE, "too large; refused as a dead letter too: not allowed"
    )
    assert log.events == [
        ("dead letter refused", {"reason": "too_large", "text": "too large", "again": "not allowed"}),
    ]


def test_dead_letters_are_counted_by_qos_and_reason_on_their_way_to_their_lane() -> None:
    dead, counts, _ = letters()
    lane = Lane()
    sink = dead.sink(lane, Refusal(Reason.TOO_LARGE, "too large"), lambda: False)
    one, two = make_run(sink, FakeOwner(), b"1", b"2"), make_run(sink, FakeOwner(), b"3", qos=0)
    sink.put(one)
    sink.put(two)
    assert lane.runs == [one, two]
    assert counts == ({Reason.TOO_LARGE: 1}, {Reason.TOO_LARGE: 2}, {})


def test_a_route_to_the_dead_letters_ends_with_its_lane_or_its_cause() -> None:
    dead, _, _ = letters()
    lane = Lane()
    made: list[str] = []
    sink = dead.sink(lane, Refusal(Reason.KAFKA_TOPIC_MISSING, "missing"), lambda: bool(made))
    assert not sink.retired
    lane.retired = True
    assert sink.retired
    lane.retired = False
    made.append("plant")
    assert sink.retired
