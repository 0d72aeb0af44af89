"""What one peer may take: each limit is kept, counted and logged; who keeps within them notices nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import socket as socket_module

import pytest

from adapter.errors import ConnectRefusedError
from adapter.mqtt.connection import Connection
from adapter.mqtt.layered_connection import LayeredConnection, Layers
from adapter.mqtt.limits import ADDRESSES, LOCAL, Addresses, Limits, Rate
from adapter.mqtt.listener import Listener
from adapter.mqtt.turns import BUDGET
from adapter.reasons import Limit, Reason, ReasonCode
from tests.support.front_end import World
from tests.support.packets import PINGREQ, connect, last_will, packet, publish, text, varint
from tests.support.until import until
from tests.support.wires import Socket

CONNACK = b"\x20\x02\x00\x00"
UNAVAILABLE = b"\x20\x02\x00\x03"
MINUTE = 60.0


def limited(**limits: object) -> World:
    return World(limits=Limits(**limits))  # type: ignore[arg-type]


def reached(world: World) -> dict[str, int]:
    """By limit; each has its log line."""
    counted = dict(world.frontend.counters.limited)
    told = [fields["limit"] for event, fields in world.log.events if event == "limit reached"]
    assert set(told) <= set(counted)
    return counted


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_a_rate_lets_through_a_seconds_worth_at_once_and_then_as_many_as_it_says() -> None:
    rate = Rate(10.0)
    assert [rate.take(0.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert [rate.take(0.5) for _ in range(6)] == [True] * 5 + [False]
    assert [rate.take(100.0) for _ in range(11)] == [True] * 10 + [False]


def test_a_rate_of_less_than_one_a_second_is_kept_too() -> None:
    rate = Rate(0.1)
    assert [rate.take(now) for now in (0.0, 1.0, 9.0, 10.5, 11.0, 21.0)] == [True, False, False, True, False, True]


def test_of_ipv6_a_network_of_64_bits_is_one_address_and_mapped_ipv4_is_ipv4() -> None:
    addresses = Addresses(Limits(connections_per_address=1), Clock())
    assert addresses.enter("2001:db8::1")
    assert not addresses.enter("2001:db8::ffff:1")
    assert addresses.enter("2001:db8:0:1::1")
    assert addresses.enter("192.0.2.1")
    assert not addresses.enter("::ffff:192.0.2.1")
    addresses.leave("2001:db8::2")
    assert addresses.enter("2001:db8::3")


def test_a_unix_socket_has_no_address_and_no_limit() -> None:
    addresses = Addresses(Limits(connections_per_address=1, connects_per_second_per_address=1.0), Clock())
    assert [addresses.enter(LOCAL) for _ in range(3)] == [True] * 3
    assert [addresses.connect(LOCAL) for _ in range(3)] == [None] * 3
    assert [addresses.refused(LOCAL) for _ in range(9)] == [0.0] * 9


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    addresses = Addresses(Limits(connects_per_second_per_address=1.0), Clock())
    for number in range(ADDRESSES + 500):
        addresses.connect(str(ipaddress.IPv4Address(number)))
        addresses.refused(str(ipaddress.IPv4Address(number)))
    assert len(addresses._known) == ADDRESSES


def test_wrong_credentials_wait_longer_and_longer_and_are_forgiven_after_a_minute() -> None:
    clock = Clock()
    addresses = Addresses(Limits(refusal_delay=1.0), clock)
    assert [addresses.refused("192.0.2.1") for _ in range(9)] == [0.0, 0.0, 0.0, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert addresses.refused("192.0.2.2") == 0.0
    clock.now += MINUTE
    assert addresses.refused("192.0.2.1") == 0.0


# -- connections -------------------------------------------------------------------------------------------------------


async def test_too_many_that_have_not_said_who_they_are_are_turned_away() -> None:
    world = limited(unauthenticated=2)
    sockets = [Socket(Connection(world.frontend)) for _ in range(3)]
    assert [socket.closed for socket in sockets] == [False, False, True]
    sockets[0].send(connect("one"))
    assert sockets[0].take() == CONNACK
    sockets[2].connection.connection_lost(None)
    assert not Socket(Connection(world.frontend)).closed, "there is room again"
    assert reached(world) == {Limit.UNAUTHENTICATED: 1}
    assert world.frontend.counters.closed == {"turned_away": 1}
    assert world.frontend.counters.connections == 3


async def test_those_whose_credentials_are_being_checked_have_not_said_who_they_are() -> None:
    world = limited(unauthenticated=2)
    world.gate.hold_connects = True
    for name in ("one", "two"):
        Socket(Connection(world.frontend)).send(connect(name))
    assert Socket(Connection(world.frontend)).closed
    world.gate.let_in()
    assert not Socket(Connection(world.frontend)).closed


async def test_those_that_are_closed_and_linger_do_not_turn_newcomers_away() -> None:
    world = limited(unauthenticated=2)
    gone, _ = (Socket(Connection(world.frontend)) for _ in range(2))
    gone.send(PINGREQ)
    assert gone.closed
    assert not Socket(Connection(world.frontend)).closed
    assert Socket(Connection(world.frontend)).closed


async def test_but_as_many_do_as_may_wait_to_be_let_in() -> None:
    world = limited(unauthenticated=2)
    for _ in range(2):
        Socket(Connection(world.frontend)).send(PINGREQ)
    assert Socket(Connection(world.frontend)).closed


@pytest.mark.parametrize("layered", [False, True])
async def test_a_tcp_peer_that_was_reset_at_once_does_not_pass_for_a_unix_socket(*, layered: bool) -> None:
    world = limited()
    layers = Layers(proxies=(ipaddress.ip_network("198.51.100.0/24"),))
    socket = Socket(LayeredConnection(world.frontend, layers) if layered else Connection(world.frontend), None)
    assert socket.transport.aborted
    socket.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 50000 1883\r\n" + connect())
    socket.connection.connection_lost(None)
    assert world.gate.peers == []
    assert world.frontend.counters.closed == {"connection_lost": 1}
    assert world.frontend.counters.connections == 0


@pytest.mark.parametrize("layered", [False, True])
async def test_who_comes_through_a_unix_socket_is_local(*, layered: bool) -> None:
    world = limited()
    layers = Layers(proxies=(ipaddress.ip_network("198.51.100.0/24"),))
    if layered:
        socket = Socket(LayeredConnection(world.frontend, layers, unix=True), None)
        socket.send(b"PROXY UNKNOWN\r\n")
    else:
        socket = Socket(Connection(world.frontend, unix=True), None)
    socket.send(connect())
    assert [peer.address for peer in world.gate.peers] == [LOCAL]


@pytest.mark.parametrize("layered", [False, True])
async def test_an_address_may_have_so_many_connections(*, layered: bool) -> None:
    world = limited(connections_per_address=2)
    websocket = Layers(proxies=(ipaddress.ip_network("198.51.100.0/24"),))

    def come(address: str) -> Socket:
        return Socket(LayeredConnection(world.frontend, websocket) if layered else Connection(world.frontend), address)

    first, second, third = (come("192.0.2.1") for _ in range(3))
    assert (first.closed, second.closed, third.closed) == (False, False, True)
    third.connection.connection_lost(None)
    assert not come("192.0.2.2").closed
    first.connection.connection_lost(None)
    assert not come("192.0.2.1").closed
    assert come("192.0.2.1").closed
    assert reached(world) == {Limit.PER_ADDRESS: 2}


async def test_behind_a_load_balancer_it_is_the_address_of_the_device_that_counts() -> None:
    world = limited(connections_per_address=1)
    layers = Layers(proxies=(ipaddress.ip_network("198.51.100.0/24"),))
    sockets = [Socket(LayeredConnection(world.frontend, layers), "198.51.100.1") for _ in range(3)]
    for socket, address in zip(sockets, (b"192.0.2.1", b"192.0.2.1", b"192.0.2.2"), strict=True):
        socket.send(b"PROXY TCP4 " + address + b" 192.0.2.9 50000 1883\r\n" + connect(address.decode()))
    assert [socket.take() for socket in sockets] == [CONNACK, b"", CONNACK]
    assert [socket.closed for socket in sockets] == [False, True, False]
    sockets[1].connection.connection_lost(None)
    assert world.frontend.counters.connections == 2


@pytest.mark.parametrize(("level", "answer"), [(4, UNAVAILABLE), (5, b"\x9f")])
def test_connects_beyond_the_rate_are_refused(level: int, answer: bytes) -> None:
    world = limited(connects_per_second=2.0)
    answers = []
    for number in range(3):
        device = world.accept()
        device.send(connect(f"c{number}", level=level))
        answers.append(device.wire.take())
    assert [each[3] for each in answers[:2]] == [0, 0]
    assert answers[2] == answer or answers[2][3:4] == answer
    world.time.advance(1.0)
    world.device("later")
    assert reached(world) == {Limit.CONNECT_RATE: 1}


def test_a_connect_rate_can_be_kept_for_each_address() -> None:
    world = limited(connects_per_second_per_address=1.0)
    world.device("one")
    device = world.accept()
    device.send(connect("two"))
    assert device.wire.take() == UNAVAILABLE
    assert reached(world) == {Limit.CONNECT_RATE_PER_ADDRESS: 1}


def test_who_guesses_passwords_waits_for_the_answer_and_others_do_not() -> None:
    world = limited(refusal_delay=5.0)
    world.gate.refuse = ConnectRefusedError(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "no")
    answers = []
    for _ in range(4):
        device = world.accept()
        device.send(connect("guess"))
        answers.append(device.wire.take())
    assert answers == [b"\x20\x02\x00\x04"] * 3 + [b""]
    world.gate.refuse = None
    world.device("good")
    world.time.advance(0.1)
    assert device.wire.take() == b"\x20\x02\x00\x04"
    assert device.wire.closed
    assert reached(world) == {Limit.REFUSAL_DELAYED: 1}
    assert world.frontend.counters.connects_refused[ReasonCode.BAD_USER_NAME_OR_PASSWORD] == 4


def test_who_does_not_wait_for_its_refusal_is_not_answered() -> None:
    world = limited(refusal_delay=5.0)
    world.gate.refuse = ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, "no")
    for _ in range(4):
        device = world.accept()
        device.send(connect("guess"))
    device.session.gone()
    device.wire.take()
    world.time.advance(10.0)
    assert device.wire.take() == b""
    assert not world.frontend.sessions


# -- packets -----------------------------------------------------------------------------------------------------------


def test_who_goes_before_its_connack_is_not_asked_about_any_more() -> None:
    world = World()
    world.gate.hold_connects = True
    devices = [world.accept() for _ in range(3)]
    for device in devices:
        device.send(connect(f"c{id(device)}"))
        assert device.wire.reading, "or it would not be seen to go"
    devices[0].session.gone()
    assert not devices[1].session.eof()
    devices[1].session.gone()
    assert len(world.gate.connects) == 1


def test_what_a_device_sends_behind_its_connect_and_before_its_end_is_taken() -> None:
    world = World()
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(), publish("t", b"x", qos=0))
    assert device.session.eof()
    world.gate.let_in()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"x"]


def test_while_its_credentials_are_checked_a_device_is_read_only_a_little() -> None:
    world = World()
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(), PINGREQ * 10)
    assert device.wire.take() == b"", "there is no CONNACK yet"
    device.send(PINGREQ * 4000)
    assert not device.wire.reading
    world.gate.let_in()
    assert device.wire.take() == CONNACK + b"\xd0\x00" * 4010
    assert device.wire.reading


def test_before_its_connack_a_device_may_send_less_than_after_it() -> None:
    world = limited(connect_size=300)
    device = world.accept()
    device.send(connect("c1", username="u" * 300))
    assert device.wire.closed
    assert reached(world) == {Limit.CONNECT_SIZE: 1}
    device = world.device("c2")
    device.send(publish("t", b"x" * 1000))
    world.answer_all()
    assert device.wire.take() == b"\x40\x02\x00\x01"


def test_what_is_too_large_is_known_by_its_first_bytes() -> None:
    world = limited()
    device = world.accept()
    device.send(b"\x10\xff\xff\xff\x7f")
    assert device.wire.closed
    late = world.device("c2", level=5)
    late.send(b"\x32\xff\xff\xff\x7f")
    assert late.wire.closed
    assert reached(world) == {Limit.PACKET_SIZE: 2}


def test_what_devices_send_before_they_are_let_in_is_bounded_together() -> None:
    world = limited(unauthenticated_bytes=1000, connect_size=900)
    half = connect("c1", username="u" * 800)[:-10]
    first, second = world.accept(), world.accept()
    first.send(half)
    second.send(half)
    assert (first.wire.closed, second.wire.closed) == (False, True)
    assert reached(world) == {Limit.UNAUTHENTICATED: 1}
    first.send(b"u" * 10)
    assert first.wire.take() == CONNACK
    assert world.frontend.bytes_before_open == 0
    world.device("c3")


def test_a_connect_counts_as_long_as_its_credentials_are_checked() -> None:
    world = limited(unauthenticated_bytes=1000)
    world.gate.hold_connects = True
    devices = [world.accept() for _ in range(2)]
    for device in devices:
        device.send(connect(username="u" * 600))
    assert [device.wire.closed for device in devices] == [False, True]
    assert len(world.gate.connects) == 1, "nobody is asked about the second"
    world.gate.let_in()
    assert devices[0].wire.take() == CONNACK
    assert world.frontend.bytes_before_open == 0


def test_what_is_held_while_credentials_are_checked_counts_too() -> None:
    world = limited(unauthenticated_bytes=1000)
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(), bytes(2000))
    assert device.wire.closed
    assert world.frontend.bytes_before_open == 0


@pytest.mark.parametrize("step", [1.0, 20.0])
def test_a_packet_that_does_not_come_to_its_end_ends_the_connection(step: float) -> None:
    world = limited()
    device = world.accept()
    device.send(connect(keep_alive=0))
    device.wire.take()
    whole = publish("t", b"x" * 200)
    for position in range(len(whole) - 1):
        if device.wire.closed:
            break
        device.send(whole[position : position + 1])
        world.time.advance(step)
    assert device.wire.closed
    # The bytes of the fixed header may each take their time.
    assert MINUTE <= position * step <= MINUTE + 4 * step
    assert reached(world) == {Limit.PACKET_SECONDS: 1}
    assert world.frontend.counters.closed == {"slow_sender": 1}
    world.time.advance(2)
    assert world.time.waiting == 0


def test_packets_that_have_begun_hold_so_much_together_and_the_oldest_of_the_large_goes() -> None:
    world = limited(unfinished_bytes=100_000)
    small, first, second, third = (world.device(f"c{number}") for number in range(4))
    small.send(publish("t", b"x")[:5])
    for device in (first, second):
        device.send(publish("t", b"x" * 60_000)[:20_000])
        device.send(b"x" * 20_000)
    assert not first.wire.closed
    third.send(publish("t", b"x" * 30_000, packet_id=3)[:25_000])
    assert [device.wire.closed for device in (small, first, second, third)] == [False, True, False, False]
    assert reached(world) == {Limit.UNFINISHED_BYTES: 1}
    assert world.frontend.counters.closed == {"slow_sender": 1}
    third.send(publish("t", b"x" * 30_000, packet_id=3)[25_000:])
    world.answer_all()
    assert third.wire.take() == b"\x40\x02\0\x03"
    second.session.gone()
    small.session.gone()
    assert world.frontend.unfinished._bytes == 0


def test_who_pauses_between_packets_is_not_slow() -> None:
    world = limited()
    device = world.accept()
    device.send(connect(keep_alive=0))
    whole = publish("t", b"1")
    device.send(whole[:5])
    world.time.advance(50.0)
    device.send(whole[5:] + publish("t", b"2", packet_id=2)[:3])
    world.time.advance(50.0)
    device.send(publish("t", b"2", packet_id=2)[3:])
    world.answer_all()
    world.time.advance(1000.0)
    assert not device.wire.closed
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


def test_our_own_pause_is_not_held_against_a_packet() -> None:
    world = limited()
    device = world.accept()
    device.send(connect(keep_alive=0))
    device.send(publish("later/t", b"1") + publish("t", b"2", packet_id=2)[:4])
    world.time.advance(100.0)
    world.gate.answer()
    assert not device.wire.closed
    world.time.advance(50.0)
    assert not device.wire.closed


@pytest.mark.parametrize(("level", "closed"), [(4, True), (5, False)])
def test_a_topic_may_have_so_many_levels(level: int, *, closed: bool) -> None:
    world = limited(topic_levels=3)
    device = world.device(level=level)
    device.send(publish("a/b/c", level=level))
    world.answer_all()
    assert device.wire.take()[:4] == b"\x40\x02\x00\x01"
    device.send(publish("a/b/c/", packet_id=2, level=level))
    assert device.wire.closed is closed
    assert closed or device.wire.take()[4:5] == b"\x90"
    assert reached(world) == {Limit.TOPIC_LEVELS: 1}


def user_properties(count: int) -> bytes:
    return (b"\x26" + text("k") + text("v")) * count


def test_a_message_may_have_so_many_user_properties() -> None:
    world = limited(user_properties=3)
    device = world.device(level=5)
    device.send(publish("t", level=5, properties=user_properties(3)))
    device.send(publish("t", level=5, packet_id=2, properties=user_properties(4)))
    world.answer_all()
    answer = device.wire.take()
    assert answer[:4] == b"\x40\x02\x00\x01"
    assert answer[4] == 0x40
    assert answer[8] == ReasonCode.QUOTA_EXCEEDED
    assert world.frontend.ledger.refused[1] == {Reason.LIMIT: 1}
    assert reached(world) == {Limit.USER_PROPERTIES: 1}


@pytest.mark.parametrize("where", ["connect", "will"])
def test_so_may_a_connect_and_its_will(where: str) -> None:
    world = limited(user_properties=3)
    device = world.accept()
    will = last_will("t", level=5, properties=user_properties(4)) if where == "will" else b""
    device.send(connect(level=5, properties=b"" if will else user_properties(4), will=will))
    assert device.wire.take()[3] == ReasonCode.QUOTA_EXCEEDED


def test_no_packet_is_read_to_its_end_for_its_thousands_of_properties_or_filters() -> None:
    world = limited()
    device = world.device(level=5)
    device.send(publish("t", level=5, properties=user_properties(1001)))
    assert device.wire.closed
    device = world.device(level=5)
    device.send(packet(0x82, b"\0\1" + varint(0) + (text("a") + b"\0") * 1001))
    assert device.wire.closed
    assert reached(world) == {Limit.USER_PROPERTIES: 1, Limit.FILTERS: 1}


def test_a_device_that_sends_more_bytes_than_it_may_is_read_later() -> None:
    world = World(limits=Limits(bytes_per_second=1000))
    socket = Socket(Connection(world.frontend))
    socket.send(connect() + publish("t", b"x" * 990, packet_id=1))
    assert socket.take() == CONNACK
    world.time.advance(0.1)
    for number in (2, 3):
        assert socket.transport.reading
        socket.send(publish("t", b"x" * 990, packet_id=number))
        assert not socket.transport.reading
        world.time.advance(0.85)
        assert not socket.transport.reading
        world.time.advance(0.15)
    world.answer_all()
    assert len(world.kafka.log["plant", 0]) == 3
    assert reached(world) == {Limit.BYTES_PER_SECOND: 3}


async def test_who_does_not_read_what_it_is_answered_is_closed_after_a_while() -> None:
    world = limited(slow_reader_seconds=0.01)
    socket = Socket(Connection(world.frontend))
    socket.send(connect())
    socket.connection.pause_writing()
    assert not socket.transport.reading
    await until(lambda: socket.closed)
    assert reached(world) == {Limit.SLOW_READER: 1}
    assert world.frontend.counters.closed == {"slow_reader": 1}


async def test_who_reads_on_in_time_is_not() -> None:
    world = limited(slow_reader_seconds=3600.0)
    socket = Socket(Connection(world.frontend))
    socket.send(connect())
    socket.connection.pause_writing()
    socket.connection.resume_writing()
    assert socket.connection._slow is not None
    assert socket.connection._slow.cancelled()
    assert socket.transport.reading


async def test_who_is_lost_while_it_does_not_read_is_not_remembered_for_that() -> None:
    world = limited(slow_reader_seconds=3600.0)
    socket = Socket(Connection(world.frontend))
    socket.send(connect())
    socket.connection.pause_writing()
    slow = socket.connection._slow
    assert slow is not None
    socket.connection.connection_lost(None)
    assert slow.cancelled()


async def test_tcp_itself_asks_silent_peers_whether_they_are_there() -> None:
    world = limited()
    listener = Listener(world.frontend, "127.0.0.1", 0)
    await listener.start()
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    await until(lambda: world.frontend.sessions)
    [session] = world.frontend.sessions
    accepted = session._wire._transport.get_extra_info("socket")  # type: ignore[union-attr, attr-defined]
    assert accepted.getsockopt(socket_module.SOL_SOCKET, socket_module.SO_KEEPALIVE) == 1
    writer.close()
    await writer.wait_closed()
    await until(lambda: not world.frontend.sessions)
    listener.stop()


# -- turns of the loop -------------------------------------------------------------------------------------------------


def test_a_flood_of_small_packets_is_taken_a_part_in_each_turn() -> None:
    world = World(turn=BUDGET)
    device = world.device()
    other = world.device("other")
    device.send(PINGREQ * 1000)
    first = device.wire.take()
    assert 0 < len(first) < 2 * 300
    other.send(publish("t"))  # is not held up
    world.time.turn()
    world.answer_all()
    assert other.wire.take() == b"\x40\x02\x00\x01"
    assert first + device.wire.take() == b"\xd0\x00" * 1000
    assert world.frontend.counters.paused == 0


async def test_a_connection_that_is_closed_waits_for_nothing_more() -> None:
    world = World(turn=BUDGET)
    socket = Socket(LayeredConnection(world.frontend, Layers(proxies=(ipaddress.ip_network("192.0.2.7"),))))
    socket.send(b"PROXY UNKNOWN\r\n" + connect())
    socket.send(b"\xf0\x00")
    assert socket.closed
    while world.frontend.turns.take(1):
        pass
    socket.send(b"what it sent before it knew")
    assert world.frontend.counters.paused == 0
    assert socket.transport.reading


def test_those_who_wait_for_a_turn_get_it_one_after_the_other() -> None:
    world = World(turn=BUDGET)
    devices = [world.device(f"c{number}") for number in range(5)]
    for device in devices:
        device.send(PINGREQ * 500)
    answered = [0] * 5
    for _ in range(40):
        world.time.turn()
        answered = [count + len(device.wire.take()) for count, device in zip(answered, devices, strict=True)]
    assert answered == [1000] * 5


def test_so_is_a_flood_of_topics_that_are_new() -> None:
    world = World(turn=BUDGET)
    device = world.device()
    device.send(*(publish(f"t{n}", b"%d" % n, packet_id=n + 1) for n in range(600)))
    assert 0 < len(world.gate.resolved) < 30
    for _ in range(100):
        world.time.turn()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"%d" % n for n in range(600)]


def test_what_a_connection_makes_us_remember_is_bounded() -> None:
    world = limited()
    device = world.device(level=5)
    for number in range(20):
        value = b"\x09" + text(b"%d" % number + b"x" * 60_000)
        device.send(publish("t", level=5, packet_id=number + 1, properties=value))
        world.answer_all()
    flow = device.session._flow
    assert flow is not None
    assert sum(len(topic) + len(properties) for _, topic, properties in flow._lookups._cache) < 10_000
    assert flow._prefixes is not None
    assert sum(map(len, flow._prefixes._parsed)) < 10_000


# -- 5.0's own ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told", "silent"), [(30, None, 45), (60, None, 90), (61, 60, 90), (0, 60, 90), (65_535, 60, 90)]
)
def test_the_operator_may_say_the_longest_keep_alive(asked: int, told: int | None, silent: int) -> None:
    world = World(server_keep_alive=60)
    device = world.accept()
    device.send(connect(level=5, keep_alive=asked))
    said = b"" if told is None else b"\x13" + told.to_bytes(2, "big")
    assert (b"\x13\x00" in device.wire.take()) is bool(said)
    world.time.advance(silent - 1)
    assert not device.wire.closed
    world.time.advance(4)
    assert device.wire.closed


def test_a_3_1_1_device_cannot_be_told_and_keeps_its_own() -> None:
    world = World(server_keep_alive=60)
    device = world.accept()
    device.send(connect(keep_alive=0))
    world.time.advance(10_000)
    assert not device.wire.closed


TEXT = b"\x01\x01"


@pytest.mark.parametrize(
    ("check", "properties", "payload", "code"),
    [
        (True, TEXT, b"\xff", ReasonCode.PAYLOAD_FORMAT_INVALID),
        (True, TEXT, "ä".encode(), None),
        (True, TEXT, b"", None),
        (True, b"\x01\x00", b"\xff", None),
        (True, b"", b"\xff", None),
        (False, TEXT, b"\xff", None),
    ],
)
def test_payloads_are_held_to_their_format_where_the_operator_asks(
    properties: bytes, payload: bytes, code: int | None, *, check: bool
) -> None:
    world = World(check_payload_format=check)
    device = world.device(level=5)
    device.send(publish("t", payload, level=5, properties=properties), publish("t", b"next", level=5, packet_id=2))
    world.answer_all()
    answer = device.wire.take()
    assert answer[:4] == b"\x40\x02\x00\x01" if code is None else answer[4] == code
    assert world.kafka.log["plant", 0] == ([payload] if code is None else []) + [b"next"]
    will = world.accept()
    will.send(connect("w", level=5, will=last_will("t", payload, level=5, properties=properties)))
    assert will.wire.take()[3] == (code or 0)
