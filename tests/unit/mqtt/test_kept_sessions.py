"""Session Present says the truth: a device that asked for it finds its session again, for as long as it is kept."""

from __future__ import annotations

import pytest

from adapter.counters import FrontEndCounters
from adapter.model import Identity
from adapter.mqtt.kept_sessions import LONGEST, KeptSessions
from adapter.mqtt.primitives import encode_varint
from tests.support.front_end import World
from tests.support.packets import DISCONNECT, connect, packet, publish

DAY = 86_400
SESSION_EXPIRY = b"\x11"


def test_a_session_is_kept_for_a_day_at_the_most() -> None:
    assert LONGEST == DAY


def session_expiry(seconds: int) -> bytes:
    return SESSION_EXPIRY + seconds.to_bytes(4, "big")


def connack(world: World, *, level: int = 4, clean: bool = False, expiry: int | None = None, end: str = "") -> bytes:
    """A device comes, is answered, and goes, or stays."""
    device = world.accept()
    properties = b"" if expiry is None else session_expiry(expiry)
    device.send(connect("c1", level=level, clean=clean, properties=properties))
    answer = device.wire.take()
    assert answer[3] == 0
    if end == "disconnect":
        device.send(DISCONNECT)
    elif end == "gone":
        device.session.gone()
    return answer


def present(answer: bytes) -> bool:
    assert answer[2] in {0, 1}
    return answer[2] == 1


@pytest.mark.parametrize("end", ["gone", "disconnect", "takeover"])
def test_a_3_1_1_device_without_clean_session_finds_its_session_again(end: str) -> None:
    world = World()
    assert not present(connack(world, end=end))
    assert present(connack(world, end=end))
    assert not present(connack(world, clean=True, end=end))
    assert not present(connack(world))


def test_a_5_0_session_lives_as_long_as_it_was_asked_for() -> None:
    world = World()
    assert not present(connack(world, level=5, clean=True, expiry=60, end="gone"))
    world.time.advance(59)
    assert present(connack(world, level=5, expiry=60, end="gone"))
    world.time.advance(60)
    assert not present(connack(world, level=5, end="gone"))
    assert not present(connack(world, level=5))


def test_a_device_that_asks_for_more_than_a_day_is_told_that_it_gets_a_day() -> None:
    world = World()
    assert session_expiry(DAY) in connack(world, level=5, expiry=2**32 - 1, end="gone")
    assert SESSION_EXPIRY not in connack(world, level=5, expiry=DAY, end="gone")
    world.time.advance(DAY - 1)
    assert present(connack(world, level=5, expiry=DAY, end="gone"))
    world.time.advance(DAY)
    assert not present(connack(world))


@pytest.mark.parametrize(("seconds", "kept"), [(0, False), (5, True)])
def test_a_5_0_disconnect_may_change_how_long_the_session_lives(seconds: int, *, kept: bool) -> None:
    world = World()
    device = world.device(level=5, clean=False, properties=session_expiry(60))
    properties = session_expiry(seconds)
    device.send(packet(0xE0, b"\x00" + encode_varint(len(properties)) + properties))
    assert device.wire.closed
    world.time.advance(4)
    assert present(connack(world, level=5)) is kept


def kept_sessions(limit: int) -> KeptSessions:
    return KeptSessions(limit, World().time, FrontEndCounters(), lambda _: None)


def test_a_session_is_not_present_for_a_device_that_is_not_quite_the_same() -> None:
    kept = kept_sessions(10)
    one = Identity("c1", "user", "demo", "device")
    kept.keep(one, 60, None)
    assert not kept.resume(Identity("c1", "other user", "demo", "device"), clean=False)
    assert not kept.resume(Identity("c1", "user", "other tenant", "device"), clean=False)
    assert kept.resume(Identity("c1", "user", "demo", "device", plugin_session=object()), clean=False)


def test_of_too_many_sessions_the_one_that_was_left_first_is_forgotten() -> None:
    kept = kept_sessions(2)
    devices = [Identity(name) for name in ("one", "two", "three")]
    for device in devices:
        kept.keep(device, 60, None)
    assert [kept.resume(device, clean=False) is not None for device in devices] == [False, True, True]


@pytest.mark.parametrize("clean", [True, False])
def test_what_is_pending_is_joined_with_and_without_a_session(*, clean: bool) -> None:
    world = World()
    first = world.device(clean=clean)
    first.send(publish("t", b"1"))
    first.session.gone()
    second = world.accept()
    second.send(connect("c1", clean=clean), publish("t", b"1", dup=True))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1"]
    assert second.wire.take() == bytes([0x20, 2, not clean, 0]) + b"\x40\x02\x00\x01"


def test_a_device_that_comes_and_goes_leaves_no_more_behind_than_its_session() -> None:
    world = World()
    for number in range(1, 51):
        device = world.accept()
        device.send(connect("c1", clean=False), publish("t", qos=2, packet_id=number))
        world.answer_all()
        device.session.gone()
    world.time.advance(5)  # what watches over the connections
    assert world.time.waiting <= 2
    assert world.frontend.counters.sessions_kept == 1
