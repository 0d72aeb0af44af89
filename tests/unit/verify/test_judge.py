"""The judge of the simulation, of the chaos tests and of `verify` can say no."""

from __future__ import annotations

import pytest

from adapter.verify.judge import Sighting, Story, Verdict, judge


def story(*numbers: int, acknowledged: tuple[int, ...] = (), qos: int = 1) -> Story:
    """A device that sent these, and got these PUBACKs."""
    device = Story("d")
    device.connected()
    for number in numbers:
        device.sent(number, qos)
    for number in acknowledged:
        device.answered(number)
    return device


def seen(*numbers: int, partition: int = 0) -> list[Sighting]:
    return [Sighting("t", partition, "d", number) for number in numbers]


def test_a_history_as_promised_is_good() -> None:
    verdict = judge([story(1, 2, 3, acknowledged=(1, 2))], seen(1, 2, 3))
    assert verdict == Verdict(messages=3, acknowledged=2, records=3)
    assert verdict.good


@pytest.mark.parametrize(
    ("numbers", "acknowledged", "found", "wrong"),
    [
        pytest.param((1, 2), (1, 2), (1,), {"lost": 1}, id="acknowledged and nowhere"),
        pytest.param((1, 2, 3), (), (1, 3, 2), {"reordered": 1}, id="a first occurrence behind a later message"),
        pytest.param((1, 2), (), (1, 2, 1), {"unexplained": 1}, id="sent once and there twice"),
        pytest.param((1,), (), (1, 7), {"strangers": 1}, id="never sent and there"),
        pytest.param((1, 2), (2, 1), (1, 2), {"disordered": 1}, id="the second PUBACK first"),
        pytest.param((1,), (1, 1), (1,), {"disordered": 1}, id="two PUBACKs for one PUBLISH"),
    ],
)
def test_what_breaks_a_promise_is_found(
    numbers: tuple[int, ...], acknowledged: tuple[int, ...], found: tuple[int, ...], wrong: dict[str, int]
) -> None:
    verdict = judge([story(*numbers, acknowledged=acknowledged)], seen(*found))
    flaws = ("lost", "reordered", "unexplained", "disordered", "refused_but_there", "strangers")
    assert {name: getattr(verdict, name) for name in flaws if getattr(verdict, name)} == wrong
    assert not verdict.good


def test_what_the_device_sent_twice_may_be_there_twice_and_not_three_times() -> None:
    device = story(1, 2)
    device.connected()
    device.sent(1, 1)
    verdict = judge([device], seen(1, 2, 1, 1))
    assert (verdict.repeated, verdict.unexplained) == (1, 1)


def test_an_exchanged_producer_explains_as_many_repetitions_as_it_held_records() -> None:
    verdict = judge([story(1, 2, 3)], seen(1, 2, 1, 2, 3), repeats=1)
    assert (verdict.repeated, verdict.unexplained) == (1, 1)


def test_order_is_promised_within_a_partition() -> None:
    assert judge([story(1, 2)], [*seen(2, partition=1), *seen(1, partition=0)]).good


def test_what_was_refused_must_not_be_there() -> None:
    device = story(1)
    device.answered(1, success=False)
    assert judge([device], seen(1)).refused_but_there == 1


def test_pubacks_are_judged_by_connection() -> None:
    device = story(1, 2, 3, acknowledged=(1,))
    device.connected()
    for number in device.unanswered:
        device.sent(number, 1)
    device.answered(2)
    device.answered(3)
    assert device.unanswered == []
    assert judge([device], seen(1, 2, 3)).good


def test_a_qos_0_message_is_owed_nothing() -> None:
    device = story(1, qos=0)
    device.sent(2, 1)
    device.answered(2)
    assert judge([device], seen(2)).good


def repeated_after_growth(*, first: tuple[int, ...], then: tuple[int, ...]) -> Verdict:
    device = story(1, 2, 3)
    device.connected()
    device.sent(2, 1)
    return judge([device], [*seen(*first, partition=1), *seen(*then, partition=0)])


def test_a_repeat_in_a_partition_that_was_added_does_not_need_a_place_there() -> None:
    assert repeated_after_growth(first=(3, 2), then=(1, 2)).good


def test_what_is_behind_a_later_message_in_both_partitions_is_reordered() -> None:
    assert repeated_after_growth(first=(3, 2), then=(2, 1)).reordered == 1
