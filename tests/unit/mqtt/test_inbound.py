"""Bytes that cannot be taken when they are read."""

from __future__ import annotations

import pytest

from tests.support.fakes import FakeWire
from tests.support.front_end import World
from tests.support.packets import connect, puback, publish

BAD = b"\x30\xff\xff\xff\xff"  # a remaining length of five bytes

BOTH = pytest.mark.parametrize("level", [4, 5])


@pytest.mark.parametrize("cut", range(len(BAD)))
def test_a_malformed_packet_behind_a_connect_waits_for_its_turn(cut: int) -> None:
    world = World()
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(), BAD[:cut])
    device.send(BAD[cut:])
    assert not device.wire.closed
    world.gate.let_in()
    assert device.wire.take()[0] == 0x20
    assert device.wire.closed
    assert world.frontend.counters.closed == {"protocol_error": 1}


def test_a_malformed_packet_behind_a_message_that_waits_is_no_matter_of_other_devices() -> None:
    """Kafka answers one batch for both; the first goes on with a message that is refused, and then nonsense."""
    world = World(receive_maximum=2)
    bad, good = world.device("bad"), world.device("good")
    bad.send(publish("t", b"1", packet_id=1), publish("t", b"2", packet_id=2), publish("no/x", packet_id=3), BAD)
    good.send(publish("t", b"1", packet_id=1))
    world.answer_all()
    assert good.wire.take() == puback(1)
    assert bad.wire.take() == puback(1) + puback(2)
    assert bad.wire.closed
    assert not good.wire.closed
    assert world.frontend.counters.closed == {"message_refused": 1}
    assert world.budget.used == 0
    assert world.balanced()


class BrokenWire(FakeWire):
    """Raises when it is written to, as a transport does whose socket has just been closed."""

    def write(self, data: bytes) -> None:
        raise RuntimeError(data)


@BOTH
def test_a_fault_while_a_connection_is_answered_is_logged_and_ends_it_alone(level: int) -> None:
    world = World()
    broken, good = world.device("broken", level=level), world.device("good", level=level)
    for device in (broken, good):
        device.send(publish("t", b"1", packet_id=1, level=level))
    broken.session._wire = BrokenWire()
    world.answer_all()
    assert good.wire.take() == puback(1)
    assert broken.session.is_over
    assert world.frontend.counters.closed == {"internal_error": 1}
    assert [event for event, _ in world.log.events] == ["internal error, closing"]
    assert world.budget.used == 0
    assert world.balanced()


def test_a_fault_of_a_connection_that_has_joined_does_not_keep_the_outcome_from_others() -> None:
    world = World()
    firsts = [world.device(name) for name in ("a", "b")]
    for first in firsts:
        first.send(publish("t", b"1", packet_id=1))
        first.session.gone()
    broken, good = world.device("a"), world.device("b")
    for second in (broken, good):
        second.send(publish("t", b"1", packet_id=1, dup=True))
    broken.session._wire = BrokenWire()
    world.answer_all()
    assert broken.session.is_over
    assert good.wire.take() == puback(1)
