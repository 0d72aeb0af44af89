"""The ack window: outcomes come in any order, entries leave in theirs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapter.model import ACKNOWLEDGED, DeliveryStatus, Outcome
from adapter.mqtt.ack_window import AckWindow, Answer
from tests.support.fakes import FakeOwner, make_run


class Lane:
    """Takes runs and forgets them."""

    retired = False

    def put(self, run: object) -> None:
        """Nothing to do."""


def answer(number: int) -> Answer:
    entry = Answer([number.to_bytes(2, "big")], ACKNOWLEDGED, 0.0, 1)
    entry.outcome = None
    return entry


def test_nothing_leaves_before_the_front_is_settled() -> None:
    window = AckWindow()
    first, second = answer(1), answer(2)
    window.add(first)
    window.add(second)
    second.outcome = ACKNOWLEDGED
    assert window.take_settled() == []
    first.outcome = Outcome(DeliveryStatus.UNKNOWN)
    assert window.take_settled() == [first, second]
    assert window.unacknowledged == 0


@given(st.permutations(range(12)))
def test_entries_leave_in_the_order_in_which_they_came_whatever_is_settled_first(order: list[int]) -> None:
    window = AckWindow()
    entries = [answer(number) for number in range(12)]
    for entry in entries:
        window.add(entry)
    left: list[object] = []
    for number in order:
        entries[number].outcome = ACKNOWLEDGED
        left += window.take_settled()
        assert window.unacknowledged == 12 - len(left)
    assert left == entries


def test_the_parts_of_a_run_take_its_place() -> None:
    window = AckWindow()
    run = make_run(Lane(), FakeOwner(), b"1", b"2", b"3")
    before, after = answer(7), answer(8)
    for entry in (before, run, after):
        window.add(entry)
    parts = run.halves()
    window.replace(run, parts)
    assert [part.payloads for part in parts] == [[b"1"], [b"2", b"3"]]
    assert window.unacknowledged == 5
    for entry in (before, *parts, after):
        entry.outcome = ACKNOWLEDGED
    assert window.take_settled() == [before, *parts, after]
