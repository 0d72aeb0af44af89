"""`adapter.mqtt.deadlines`: nobody is judged by a clock that ran while the process stood still."""

from __future__ import annotations

from tests.support.front_end import World
from tests.support.packets import PINGREQ


def test_who_sent_something_while_the_process_stood_still_is_heard_before_it_is_judged() -> None:
    world = World()
    device = world.device(keep_alive=4)
    world.time.advance(2.0)
    world.time.now += 8.0  # no CPU
    world.time.turn()  # the timers run first
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
