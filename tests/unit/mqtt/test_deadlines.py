"""`adapter.mqtt.deadlines`: nobody is judged early, much too late, or by a clock that ran while all stood still."""

from __future__ import annotations

import pytest

from adapter.mqtt.deadlines import AT_ONCE, Deadlines
from tests.support.fakes import Loop, VirtualTime
from tests.support.front_end import World
from tests.support.packets import PINGREQ


class One:
    """Remembers when it was looked at."""

    def __init__(self) -> None:
        self.watched_second = 0
        self.looked_at: list[float] = []

    def check_deadline(self, now: float) -> None:
        self.looked_at.append(now)


@pytest.mark.parametrize("begun", [0.0, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.5, 4.25, 15.0])
def test_a_deadline_is_noticed_within_a_second_and_never_early(begun: float, seconds: float) -> None:
    time = VirtualTime()
    deadlines = Deadlines(time)
    time.advance(3 + begun)
    other, one = One(), One()
    deadlines.watch(other, time.now + 0.1)
    time.advance(0.3)
    at = time.now + seconds
    deadlines.watch(one, at)
    time.advance(100)
    [looked] = one.looked_at
    assert 0 <= looked - at <= 1


def test_a_deadline_that_has_passed_is_noticed_at_the_next_second() -> None:
    time = VirtualTime()
    deadlines = Deadlines(time)
    time.advance(500.25)
    one = One()
    deadlines.watch(one, 3.0)
    time.advance(1)
    assert one.looked_at == [1501.0]


def test_who_is_forgotten_is_not_looked_at_and_nobody_is_waited_for() -> None:
    time = VirtualTime()
    deadlines = Deadlines(time)
    one = One()
    deadlines.watch(one, time.now + 5)
    deadlines.forget(one)
    time.advance(10)
    assert one.looked_at == []
    assert time.waiting == 0


def test_who_sent_something_while_the_process_stood_still_is_heard_before_it_is_judged() -> None:
    world = World()
    device = world.device(keep_alive=4)
    world.time.advance(2.0)
    world.time.now += 8.9  # no CPU
    world.time.turn()  # the timers run first
    world.time.advance(0.5)
    device.send(PINGREQ)  # then the sockets are read
    world.time.advance(2.0)
    assert not device.wire.closed


def test_who_was_silent_is_closed_a_second_later() -> None:
    world = World()
    device = world.device(keep_alive=4)
    world.time.now += 8.0
    world.time.turn()
    assert not device.wire.closed
    world.time.advance(1.0)
    assert device.wire.closed


def test_a_process_that_is_always_late_closes_silent_devices_all_the_same() -> None:
    world = World()
    device = world.device(keep_alive=4)
    for _ in range(6):
        world.time.now += 2.0
        world.time.turn()
    assert device.wire.closed


def test_of_thousands_that_are_due_in_one_second_some_are_judged_in_each_turn() -> None:
    loop = Loop()
    deadlines = Deadlines(loop)
    ones = [One() for _ in range(10 * AT_ONCE)]
    for one in ones:
        deadlines.watch(one, loop.now + 0.5)
    loop.now += 1.0
    judged = 0
    for turn in range(1, 12):
        if turn == 3:
            for one in [one for one in ones if not one.looked_at][:5]:
                deadlines.forget(one)
        loop.step()
        assert sum(len(one.looked_at) for one in ones) <= judged + AT_ONCE
        judged = sum(len(one.looked_at) for one in ones)
    assert judged == len(ones) - 5
    assert {len(one.looked_at) for one in ones} == {0, 1}
