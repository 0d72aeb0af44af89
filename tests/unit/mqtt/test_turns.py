"""`adapter.mqtt.turns`: a turn of the event loop is shared, and those who wait do not pay for another's flood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.turns import BUDGET, HANDSHAKE, SHARE, Turns
from adapter.mqtt.websocket import WebSocketConfig
from tests.support.fakes import Loop, VirtualTime
from tests.support.front_end import World
from tests.support.packets import CONNACK_OK, PINGREQ, PINGRESP, connect, last_will, packet, publish, varint
from tests.support.wires import Socket, WebSocketDevice

if TYPE_CHECKING:
    from collections.abc import Callable

PAIR = b"\x26\0\0\0\0"  # the shortest user property


class Flood:
    """Takes what it gets, at so much a time, without end."""

    def __init__(self, turns: Turns, cost: int, backlog: int = 0) -> None:
        self.turns = turns
        self.cost = cost
        self.backlog = backlog
        self.taken = 0

    def next_turn(self) -> None:
        while self.turns.take(self.cost):
            self.taken += 1
        self.turns.wait(self)


def test_a_flood_leaves_to_those_who_wait_their_share_of_each_turn() -> None:
    loop = Loop()
    floods = [Flood(turns := Turns(loop), 4)]
    floods += [Flood(turns, 4) for _ in range(BUDGET // SHARE - 1)]
    for flood in floods:
        turns.wait(flood)
    loop.step()
    assert [flood.taken for flood in floods] == [SHARE // 4] * len(floods)


def test_who_waits_alone_has_the_whole_turn() -> None:
    loop = Loop()
    turns = Turns(loop)
    flood = Flood(turns, 4)
    turns.wait(flood)
    loop.step()
    assert flood.taken == BUDGET // 4


@pytest.mark.parametrize(("strict", "without"), [(True, 10), (False, 2)])
def test_what_overdraws_a_turn_is_missing_in_the_next_ones(*, strict: bool, without: int) -> None:
    loop = Loop()
    turns = Turns(loop, strict=strict)
    assert turns.take(10 * BUDGET)
    steps = 0
    while not turns.take(1):
        loop.step()
        steps += 1
    assert steps == without


def test_who_overdraws_waits_longer_and_others_do_not() -> None:
    loop = Loop()
    turns = Turns(loop)
    heavy = [Flood(turns, 10 * BUDGET) for _ in range(20)]
    light = Flood(turns, SHARE)
    for flood in (*heavy, light):
        turns.wait(flood)
    for _ in range(200):
        loop.step()
    assert sum(flood.taken for flood in heavy) <= 100
    assert light.taken > 50


def test_who_has_little_waits_for_one_of_those_who_have_much_and_not_for_all() -> None:
    loop = Loop()
    turns = Turns(loop)
    heavy = [Flood(turns, 10 * BUDGET, 5000) for _ in range(20)]
    for flood in heavy:
        turns.wait(flood)
    loop.step()
    light = Flood(turns, 4, 2)
    turns.wait(light)
    for _ in range(2):
        loop.step()
    assert light.taken
    assert sum(flood.taken for flood in heavy) <= 2


def test_who_has_much_has_its_turn_also_while_many_who_have_little_come() -> None:
    loop = Loop()
    turns = Turns(loop)
    flood = [Flood(turns, 4, 2) for _ in range(2 * BUDGET)]
    heavy = Flood(turns, 1000, 5000)
    for each in (*flood, heavy):
        turns.wait(each)
    loop.step()
    loop.step()
    assert heavy.taken == 1
    for _ in range(100):
        loop.step()
    assert heavy.taken >= 2
    assert sum(each.taken for each in flood) > BUDGET


def work(world: World) -> list[int]:
    """What is left of the turn in each line."""
    frontend = world.frontend
    return [line._left for line in (frontend.turns, frontend.reads, frontend.openings)]


@pytest.mark.parametrize(
    ("sent", "least"),
    [
        (packet(0x62, b"\0\1\0" + varint(5000) + PAIR * 1000), 600),
        (publish("t", level=5, qos=0, properties=PAIR * 1000), 600),
        (packet(0x82, b"\0\1\0" + (b"\xff\0" + b"/" * 0xFF00 + b"\0") * 4), 30_000),
    ],
    ids=["PUBREL", "PUBLISH", "SUBSCRIBE"],
)
def test_a_packet_is_paid_for_by_its_size(sent: bytes, least: int) -> None:
    world = World(turn=10**6)
    device = world.device(level=5)
    before = work(world)
    device.send(sent)
    assert not device.wire.closed
    assert before[0] - work(world)[0] >= least


def test_a_connect_is_paid_for_by_its_size_by_those_who_are_not_let_in() -> None:
    world = World(turn=10**6)
    device = world.accept()
    will = last_will("t", b"x", level=5, properties=PAIR * 1000)
    device.send(connect(level=5, properties=PAIR * 1000, will=will))
    left = work(world)
    assert left[:2] == [10**6, 10**6]
    assert 10**6 - left[2] > 1200


def test_property_lists_wait_for_a_turn_before_they_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(turn=BUDGET)
    device = world.device(level=5)
    loop = Loop()
    world.frontend.turns = Turns(loop)
    parsed: list[int] = []
    read = publish_properties()
    monkeypatch.setattr(
        "adapter.mqtt.topic_alias.decode_publish_properties", lambda data: parsed.append(1) or read(data)
    )
    bombs = [publish("t", b"%d" % n, level=5, packet_id=n + 1, properties=PAIR * (n + 500)) for n in range(12)]
    device.send(*bombs)
    assert len(parsed) <= 2
    for _ in range(300):
        before = len(parsed)
        loop.step()
        assert len(parsed) <= before + 2
    assert len(device.wire.take()) >= 12 * 6, "each was refused"
    assert len(parsed) <= 3 * 12


def publish_properties() -> Callable[[bytes], object]:
    from adapter.mqtt.publish import decode_publish_properties  # noqa: PLC0415 - before it is replaced

    return decode_publish_properties


def test_those_who_were_let_in_do_not_wait_for_those_who_were_not() -> None:
    world = World(turn=BUDGET)
    device = world.device()
    world.frontend.openings.charge(100 * BUDGET)
    stranger = world.accept()
    stranger.send(connect("stranger"))
    device.send(PINGREQ)
    assert device.wire.take() == PINGRESP
    assert stranger.wire.take() == b""
    world.time.turn()
    assert stranger.wire.take() == CONNACK_OK


async def test_reads_through_websocket_do_not_wait_for_floods_of_control_packets() -> None:
    world = World(turn=BUDGET)
    socket = Socket(LayeredConnection(world.frontend, Layers(websocket=WebSocketConfig())))
    device = WebSocketDevice(socket)
    device.upgrade()
    device.send(connect())
    world.time.turn()
    assert device.take() == CONNACK_OK
    world.frontend.turns.charge(100 * BUDGET)
    device.send(publish("t", b"x", packet_id=1))
    world.frontend.turns.charge(-100 * BUDGET)
    world.time.turn()
    world.answer_all()
    assert device.take() == b"\x40\x02\0\x01"


async def test_a_read_that_finds_no_turn_waits_as_it_is_and_is_read_no_further() -> None:
    world = World(turn=BUDGET)
    socket = Socket(LayeredConnection(world.frontend, Layers(websocket=WebSocketConfig())))
    device = WebSocketDevice(socket)
    device.upgrade()
    world.time.turn()
    world.frontend.openings.charge(10 * BUDGET)
    device.protocol.send_ping(b"1")
    device.flush()
    assert not socket.transport.reading
    assert socket.take() == b""
    world.time.turn()
    assert socket.transport.reading
    assert socket.take() == b"\x8a\x011"


async def test_a_websocket_is_read_in_small_pieces_and_closed_when_its_frames_bring_nothing() -> None:
    world = World()
    socket = Socket(LayeredConnection(world.frontend, Layers(websocket=WebSocketConfig())))
    WebSocketDevice(socket).upgrade()
    assert len(socket.connection.get_buffer(-1)) <= 2048
    socket.send(b"\x89\x80\0\0\0\0" * 100)
    assert not socket.closed
    socket.send(b"\x89\x80\0\0\0\0" * 341)
    assert socket.closed
    assert world.frontend.counters.closed == {"protocol_error": 1}


def test_of_messages_that_are_sent_again_a_part_is_looked_for_in_each_turn() -> None:
    world = World(receive_maximum=10_000)
    device = world.device()
    device.send(*(publish("t", b"x", packet_id=n) for n in range(1, 301)))
    loop = Loop()
    world.frontend.turns = Turns(loop)
    device.send(publish("t", b"x", packet_id=250, dup=True) * 1000)
    assert world.frontend.counters.joined < 100
    for _ in range(100):
        before = world.frontend.counters.joined
        loop.step()
        assert world.frontend.counters.joined - before < 100
    assert world.frontend.counters.joined == 1000


@pytest.mark.parametrize(
    ("flood", "most"),
    [
        (publish("full", b"", qos=0) * 1000, 30),
        ((publish("t", b"x", qos=0) + publish("t", b"x", qos=0, retain=True)) * 1000, 600),
        (publish("t", b"x", qos=2, packet_id=1) * 1000, 60),
    ],
    ids=["refused payloads", "no two share a run", "QoS 2 messages that come again"],
)
def test_messages_that_cost_more_than_usual_are_taken_in_several_turns(flood: bytes, most: int) -> None:
    world = World(receive_maximum=10_000)
    device = world.device()
    device.send(publish("t", b"x", qos=2, packet_id=1))
    world.answer_all()
    device.send(publish("full", b"x", qos=0), publish("t", b"x", qos=0, retain=True))
    world.answer_all()
    loop = Loop()
    world.frontend.turns = Turns(loop)
    received = world.frontend.counters.packets_received
    before = received[3]
    device.send(flood)
    total = flood.count(b"\x30") + flood.count(b"\x31") + flood.count(b"\x34")
    turns = 0
    while received[3] - before < total:
        assert turns < 1000
        seen = received[3]
        loop.step()
        assert received[3] - seen <= most
        turns += 1
    assert turns > 3


def test_a_handshake_costs_some_turns() -> None:
    assert HANDSHAKE > 3 * BUDGET


def test_a_flood_of_packets_takes_one_turn_in_a_millisecond_while_all_is_taken_at_once_that_fits_one() -> None:
    time = VirtualTime()
    turns = Turns(time, paced=True)
    flood = Flood(turns, 4)
    flood.next_turn()
    time.advance(0.1)
    assert 100 <= flood.taken / (BUDGET // 4) <= 102
    time = VirtualTime()
    turns = Turns(time, paced=True)
    for _ in range(10):
        assert turns.take(BUDGET - 1)
        time.turn()
    assert time.waiting == 0
