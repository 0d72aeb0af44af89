"""QoS 2: PUBREC when Kafka has the message, one record for one packet identifier until its PUBREL, in both versions."""

from __future__ import annotations

import pytest

from adapter.errors import RejectedError, TransientKafkaError
from tests.support.front_end import Device, World
from tests.support.packets import DISCONNECT, PINGREQ, PINGRESP, connect, packet, puback, publish

BOTH = pytest.mark.parametrize("level", [4, 5])
NOT_FOUND = 0x92
EXPIRY = b"\x11\x00\x00\x00\x3c"  # a minute


def pubrec(packet_id: int) -> bytes:
    return b"\x50\x02" + packet_id.to_bytes(2, "big")


def pubrel(packet_id: int) -> bytes:
    return b"\x62\x02" + packet_id.to_bytes(2, "big")


def pubcomp(packet_id: int) -> bytes:
    return b"\x70\x02" + packet_id.to_bytes(2, "big")


def exactly(payload: bytes, packet_id: int = 1, *, level: int = 4, dup: bool = False) -> bytes:
    return publish("t", payload, qos=2, packet_id=packet_id, level=level, dup=dup)


def come(world: World, level: int, *, clean: bool = False, present: bool = False) -> Device:
    """A device that wants its session."""
    device = world.accept()
    device.send(connect(level=level, clean=clean, properties=EXPIRY if level == 5 else b""))
    answer = device.wire.take()
    assert (answer[0], answer[2], answer[3]) == (0x20, present, 0)
    return device


@BOTH
def test_pubrec_waits_for_kafka_and_pubcomp_for_pubrel(level: int) -> None:
    world = World()
    device = world.device(level=level)
    device.send(exactly(b"1", level=level))
    assert device.wire.take() == b""
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    assert world.frontend.counters.unreleased == 1
    device.send(pubrel(1))
    assert device.wire.take() == pubcomp(1)
    assert world.frontend.counters.unreleased == 0
    assert world.kafka.log["plant", 0] == [b"1"]
    assert world.ledger.acknowledged == [0, 0, 1]
    assert world.balanced()


@BOTH
def test_answers_of_every_qos_leave_in_the_order_of_the_publishes(level: int) -> None:
    world = World()
    device = world.device(level=level)
    device.send(
        publish("p1/t", b"1", packet_id=1, level=level),
        exactly(b"2", 2, level=level),
        publish("t", b"0", qos=0, level=level),
        publish("t", b"3", packet_id=3, level=level),
        exactly(b"4", 4, level=level),
    )
    world.answer_all()
    assert device.wire.take() == puback(1) + pubrec(2) + puback(3) + pubrec(4)
    assert world.kafka.log["plant", 0] == [b"2", b"0", b"3", b"4"]


@BOTH
@pytest.mark.parametrize("dup", [True, False])
def test_until_its_pubrel_a_packet_identifier_stands_for_one_message(level: int, *, dup: bool) -> None:
    world = World()
    device = world.device(level=level)
    device.send(exactly(b"1", level=level), exactly(b"1", level=level, dup=dup))
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    device.send(exactly(b"1", level=level, dup=dup))
    assert device.wire.take() == pubrec(1)
    device.send(pubrel(1), exactly(b"2", level=level))
    world.answer_all()
    assert device.wire.take() == pubcomp(1) + pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert world.frontend.counters.joined == 2
    assert world.balanced()


def test_a_pubrec_that_is_repeated_keeps_its_turn() -> None:
    world = World()
    device = world.device()
    device.send(exactly(b"1"))
    world.answer_all()
    device.wire.take()
    device.send(publish("t", b"2", packet_id=2), exactly(b"1", dup=True), publish("t", b"3", packet_id=3))
    assert device.wire.take() == b""
    world.answer_all()
    assert device.wire.take() == puback(2) + pubrec(1) + puback(3)


@BOTH
@pytest.mark.parametrize("together", [True, False])
def test_after_its_pubcomp_no_pubrec_of_a_repeat_follows_that_would_acknowledge_the_next_message(
    level: int, *, together: bool
) -> None:
    world = World()
    device = world.device(level=level)
    device.send(exactly(b"1", level=level))
    world.answer_all()
    slow = publish("t", b"slow", packet_id=2, level=level)
    repeat = exactly(b"1", level=level, dup=True)
    device.send(repeat)
    assert device.wire.take() == pubrec(1) * 2
    device.send(repeat, slow, repeat, repeat, pubrel(1))
    assert device.wire.take() == pubrec(1) + pubcomp(1)
    if together:
        device.send(exactly(b"next", level=level))
    world.answer_all()
    assert device.wire.take() == puback(2) + (pubrec(1) if together else b"")
    if not together:
        device.send(exactly(b"next", level=level))
        assert device.wire.take() == b""
        world.answer_all()
        assert device.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1", b"slow", b"next"]
    assert world.frontend.counters.unreleased == 1
    assert world.balanced()


@BOTH
def test_a_pubrel_of_a_device_that_came_back_and_has_had_no_pubrec_ends_the_connection(level: int) -> None:
    world = World()
    first = come(world, level)
    first.send(exactly(b"1", level=level))
    second = come(world, level, present=True)
    second.send(publish("p1/t", b"slow", packet_id=2, level=level), exactly(b"1", level=level, dup=True))
    world.time.turn()
    world.kafka.answer()
    second.send(pubrel(1))
    assert second.wire.closed
    assert pubcomp(1) not in second.wire.take()


def test_a_small_window_is_refilled_without_recursion() -> None:
    world = World(receive_maximum=1)
    device = world.device()
    device.send(exactly(b"1"))
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    device.send(exactly(b"1", dup=True) * 1000)
    for _ in range(1100):
        world.time.turn()
    assert device.wire.take() == pubrec(1) * 1000


@pytest.mark.parametrize(("level", "answer"), [(4, pubcomp(7)), (5, b"\x70\x03\x00\x07\x92")])
def test_a_pubrel_of_an_unknown_identifier_is_completed_and_5_0_says_that_there_is_none(
    level: int, answer: bytes
) -> None:
    world = World()
    device = world.device(level=level)
    device.send(pubrel(7))
    assert device.wire.take() == answer


@BOTH
@pytest.mark.parametrize("answered", [True, False], ids=["after PUBREC", "before PUBREC"])
@pytest.mark.parametrize("end", ["gone", "takeover"])
def test_a_device_that_comes_back_and_repeats_its_publish_makes_no_second_record(
    level: int, *, answered: bool, end: str
) -> None:
    world = World()
    first = come(world, level)
    first.send(exactly(b"1", level=level), exactly(b"2", 2, level=level))
    if answered:
        world.answer_all()
    if end == "gone":
        first.session.gone()
    second = come(world, level, present=True)
    second.send(exactly(b"1", level=level, dup=True), exactly(b"2", 2, level=level, dup=True))
    world.answer_all()
    assert second.wire.take() == pubrec(1) + pubrec(2)
    second.send(pubrel(1), pubrel(2))
    assert second.wire.take() == pubcomp(1) + pubcomp(2)
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert world.frontend.counters.unreleased == 0
    assert world.balanced()


@BOTH
def test_what_kafka_took_while_nobody_was_connected_is_known_when_the_device_comes_back(level: int) -> None:
    world = World()
    first = come(world, level)
    first.send(publish("p1/t", b"0", packet_id=9, level=level), exactly(b"1", level=level))
    first.session.gone()
    world.answer_all()
    assert world.frontend.counters.unreleased == 1
    second = come(world, level, present=True)
    second.send(exactly(b"1", level=level, dup=True))
    assert second.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]


@BOTH
def test_a_pubrel_may_come_by_another_connection(level: int) -> None:
    world = World()
    first = come(world, level)
    first.send(exactly(b"1", level=level))
    world.answer_all()
    first.session.gone()
    second = come(world, level, present=True)
    second.send(pubrel(1), pubrel(1))
    assert second.wire.take() == pubcomp(1) + (pubcomp(1) if level == 4 else b"\x70\x03\x00\x01\x92")


@BOTH
def test_three_connections_on_end_make_one_record_and_the_last_gets_the_pubrec(level: int) -> None:
    world = World()
    for present in (False, True, True):
        device = come(world, level, present=present)
        device.send(exactly(b"1", level=level, dup=present))
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]


@BOTH
def test_a_new_session_knows_no_identifiers(level: int) -> None:
    world = World()
    first = come(world, level)
    first.send(exactly(b"1", level=level))
    world.answer_all()
    first.session.gone()
    second = come(world, level, clean=True)
    assert world.frontend.counters.unreleased == 0
    second.send(exactly(b"2", level=level))
    world.answer_all()
    assert second.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


def test_a_session_that_ends_with_its_connection_leaves_nothing() -> None:
    world = World()
    device = world.device(clean=True)
    device.send(exactly(b"1"), exactly(b"2", 2))
    world.time.turn()
    device.send(DISCONNECT)
    world.answer_all()
    assert world.frontend.counters.unreleased == 0
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


def test_a_session_whose_time_is_over_is_forgotten_with_its_identifiers() -> None:
    world = World()
    device = come(world, 5)
    device.send(exactly(b"1", level=5))
    world.answer_all()
    device.session.gone()
    assert (world.frontend.counters.sessions_kept, world.frontend.counters.unreleased) == (1, 1)
    world.time.advance(61)
    assert (world.frontend.counters.sessions_kept, world.frontend.counters.unreleased) == (0, 0)


def test_of_too_many_sessions_the_first_is_forgotten_with_its_identifiers() -> None:
    world = World(max_sessions=1)
    for name in ("a", "b"):
        device = world.device(name, clean=False)
        device.send(exactly(b"1"))
        world.answer_all()
        device.session.gone()
    counters = world.frontend.counters
    assert (counters.sessions_kept, counters.sessions_forgotten, counters.unreleased) == (1, 1, 1)


def test_a_refused_message_frees_its_identifier_in_5_0() -> None:
    world = World()
    device = world.device(level=5)
    device.send(publish("no/t", b"1", qos=2, level=5))
    assert device.wire.take()[:1] == b"\x50"
    device.send(pubrel(1))
    assert device.wire.take() == b"\x70\x03\x00\x01\x92"
    device.send(exactly(b"2", level=5))
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    assert world.ledger.refused[2].total() == 1
    assert world.balanced()


def test_a_message_that_kafka_rejects_ends_a_3_1_1_connection_and_is_new_when_it_comes_again() -> None:
    world = World()
    first = come(world, 4)
    first.send(exactly(b"1"))
    world.answer_all(RejectedError("no"))
    assert first.wire.closed
    second = come(world, 4, present=True)
    second.send(exactly(b"1", dup=True))
    world.answer_all()
    assert second.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]
    assert world.balanced()


def test_what_was_given_up_is_new_when_it_comes_again() -> None:
    world = World()
    first = come(world, 4)
    first.send(exactly(b"1"))
    world.time.turn()
    world.time.advance(70)
    second = come(world, 4, present=True)
    second.send(exactly(b"1", dup=True))
    world.answer_all()
    assert second.wire.take() == pubrec(1)
    assert world.ledger.unknown[2] == 1
    assert world.balanced()


def test_a_packet_that_waits_for_a_look_up_is_taken_once() -> None:
    world = World()
    device = world.device()
    device.send(publish("later/t", b"1", qos=2), exactly(b"2", 2))
    world.gate.answer()
    world.answer_all()
    assert device.wire.take() == pubrec(1) + pubrec(2)
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


def test_a_transient_failure_is_not_noticed() -> None:
    world = World()
    device = world.device()
    device.send(exactly(b"1"))
    world.time.turn()
    world.kafka.answer(TransientKafkaError("away"))
    world.time.advance(1)
    world.answer_all()
    assert device.wire.take() == pubrec(1)


def test_5_0_counts_a_message_against_receive_maximum_until_its_pubcomp() -> None:
    world = World(receive_maximum=2)
    device = world.device(level=5)
    device.send(exactly(b"1", level=5), exactly(b"2", 2, level=5))
    world.answer_all()
    device.wire.take()
    device.send(pubrel(1))
    device.wire.take()
    device.send(exactly(b"3", 3, level=5))
    world.answer_all()
    assert device.wire.take() == pubrec(3)
    device.send(exactly(b"4", 4, level=5))
    assert device.wire.take()[:1] == b"\xe0"
    assert device.wire.closed


def test_5_0_counts_a_message_once_however_often_its_publish_comes() -> None:
    world = World(receive_maximum=2)
    device = world.device(level=5)
    for _ in range(3):
        device.send(exactly(b"1", level=5))
        world.answer_all()
        device.send(exactly(b"1", level=5, dup=True), pubrel(1))
    device.wire.take()
    device.send(exactly(b"2", 2, level=5), exactly(b"3", 3, level=5))
    world.answer_all()
    assert device.wire.take() == pubrec(2) + pubrec(3)


def test_5_0_counts_what_it_received_in_an_earlier_connection_when_it_is_repeated() -> None:
    world = World(receive_maximum=2)
    come(world, 5).send(exactly(b"1", level=5), exactly(b"2", 2, level=5))
    world.answer_all()
    device = come(world, 5, present=True)
    device.send(exactly(b"1", level=5, dup=True), exactly(b"3", 3, level=5))
    world.answer_all()
    assert device.wire.take() == pubrec(1) + pubrec(3)
    device.send(exactly(b"4", 4, level=5))
    assert device.wire.take()[2] == 0x93


def test_5_0_counts_messages_without_pubrel_also_for_reads_that_look_like_the_one_before() -> None:
    world = World(receive_maximum=2)
    device = world.device(level=5)
    device.send(publish("t", b"1", packet_id=9, level=5))
    device.send(exactly(b"2", 2, level=5))
    world.answer_all()
    device.wire.take()
    device.send(publish("t", b"3", packet_id=3, level=5))
    assert not device.wire.closed
    device.send(publish("t", b"4", packet_id=4, level=5))
    assert device.wire.take()[2] == 0x93


def test_3_1_1_may_have_more_than_the_window_without_pubrel() -> None:
    world = World(receive_maximum=2)
    device = world.device()
    numbers = range(1, 6)
    device.send(*(exactly(b"%d" % number, number) for number in numbers), PINGREQ)
    world.answer_all()
    assert device.wire.take().replace(PINGRESP, b"") == b"".join(map(pubrec, numbers))
    device.send(*map(pubrel, numbers))
    assert device.wire.take() == b"".join(map(pubcomp, numbers))


def test_too_many_messages_without_pubrel_are_refused() -> None:
    world = World(max_unreleased=1)
    device = world.device(level=5)
    device.send(exactly(b"1", level=5))
    world.answer_all()
    device.wire.take()
    device.send(exactly(b"2", 2, level=5))
    refused = device.wire.take()
    assert (refused[0], refused[4]) == (0x50, 0x97)
    device.send(pubrel(1), exactly(b"3", 3, level=5))
    world.answer_all()
    assert device.wire.take() == pubcomp(1) + pubrec(3)


def test_on_receipt_pubrec_waits_for_nothing() -> None:
    world = World()
    device = world.device()
    device.send(publish("early/t", b"1", qos=2))
    assert device.wire.take() == pubrec(1)
    device.send(publish("early/t", b"1", qos=2, dup=True), pubrel(1))
    assert device.wire.take() == pubrec(1) + pubcomp(1)
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1"]


@pytest.mark.parametrize(
    ("level", "bad", "code"),
    [
        (4, b"\x62\x00", None),
        (4, b"\x62\x02\x00\x00", None),
        (4, b"\x62\x03\x00\x01\x00", None),
        (4, b"\x60\x02\x00\x01", None),
        (5, b"\x62\x01\x00", 0x81),
        (5, b"\x62\x02\x00\x00", 0x81),
        (5, b"\x60\x02\x00\x01", 0x81),
        (5, b"\x62\x03\x00\x01\x10", 0x81),
        (5, b"\x62\x05\x00\x01\x00\x01\x01", 0x81),
        (5, packet(0x62, b"\x00\x01\x00\x08" + b"\x1f\x00\x01a" * 2), 0x82),
    ],
)
def test_a_malformed_pubrel_ends_the_connection(level: int, bad: bytes, code: int | None) -> None:
    world = World()
    device = world.device(level=level)
    device.send(bad)
    answer = device.wire.take()
    assert answer == b"" if code is None else (answer[0], answer[2]) == (0xE0, code)
    assert device.wire.closed


@pytest.mark.parametrize(
    ("level", "bad", "code"),
    [
        (4, b"\x40\x03\x00\x01\x00", None),
        (4, b"\x50\x04\x00\x01\x00\x00", None),
        (5, b"\x40\x03\x00\x01\x01", 0x81),
        (5, b"\x40\x03\x00\x01\x92", 0x81),
        (5, b"\x40\x05\x00\x01\x00\x7f\x00", 0x81),
        (5, b"\x50\x04\x00\x01\x00\x05", 0x81),
        (5, b"\x70\x03\x00\x01\x10", 0x81),
        (5, b"\x70\x08\x00\x01\x00\x04\x1f\x00\x01\xff", 0x81),
    ],
)
def test_a_malformed_acknowledgement_ends_the_connection_though_nothing_was_sent(
    level: int, bad: bytes, code: int | None
) -> None:
    world = World()
    device = world.device(level=level)
    device.send(bad)
    answer = device.wire.take()
    assert answer == b"" if code is None else (answer[0], answer[2]) == (0xE0, code)
    assert device.wire.closed


@pytest.mark.parametrize("sent", [b"\x40\x02\x00\x01", b"\x40\x04\x00\x01\x10\x00", b"\x70\x03\x00\x01\x92"])
def test_an_acknowledgement_of_nothing_is_ignored(sent: bytes) -> None:
    device = World().device(level=5)
    device.send(sent, PINGREQ)
    assert device.wire.take() == PINGRESP


@pytest.mark.parametrize(
    "good",
    [
        b"\x62\x02\x00\x01",
        b"\x62\x03\x00\x01\x00",
        b"\x62\x04\x00\x01\x92\x00",
        b"\x62\x08\x00\x01\x00\x04\x1f\x00\x01a",
    ],
)
def test_a_5_0_pubrel_may_carry_a_reason_and_properties(good: bytes) -> None:
    world = World()
    device = world.device(level=5)
    device.send(exactly(b"1", level=5))
    world.answer_all()
    device.wire.take()
    device.send(good)
    assert device.wire.take() == pubcomp(1)


def test_a_pubrel_before_the_connect_is_a_protocol_error() -> None:
    world = World()
    device = world.accept()
    device.send(pubrel(1))
    assert device.wire.closed


@BOTH
def test_a_device_that_comes_back_again_and_again_hears_nothing_before_kafka_has_its_message(level: int) -> None:
    world = World()
    for present in (False, True, True, True):
        device = come(world, level, present=present)
        device.send(exactly(b"1", level=level, dup=present))
        world.time.turn()
        assert device.wire.take() == b""
    world.kafka.answer()
    assert device.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]


@BOTH
def test_without_a_session_a_repeated_message_joins_the_pending_one_if_it_is_the_same(level: int) -> None:
    world = World()
    first = world.device(level=level)
    first.send(exactly(b"1", level=level), exactly(b"2", 2, level=level))
    first.session.gone()
    second = world.device(level=level)
    second.send(exactly(b"1", level=level, dup=True), exactly(b"other", 2, level=level, dup=True))
    world.answer_all()
    assert second.wire.take() == pubrec(1) + pubrec(2)
    second.send(pubrel(1), pubrel(2))
    assert second.wire.take() == pubcomp(1) + pubcomp(2)
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"other"]
    assert world.balanced()


@BOTH
def test_a_pubrel_before_the_pubrec_is_a_protocol_error(level: int) -> None:
    world = World()
    device = world.device(level=level)
    device.send(exactly(b"1", level=level), pubrel(1))
    answer = device.wire.take()
    assert answer == b"" if level == 4 else (answer[0], answer[2]) == (0xE0, 0x82)
    assert device.wire.closed


@BOTH
def test_many_pubrels_in_one_read_are_completed_in_their_order_whatever_is_between(level: int) -> None:
    world = World()
    device = world.device(level=level)
    numbers = [*range(1, 300), 0x6202, 0x0262, 0x7002]  # some look like headers
    device.send(*(exactly(b"%d" % number, number, level=level) for number in numbers))
    world.answer_all()
    device.wire.take()
    unknown = 0x1234
    not_found = pubcomp(unknown) if level == 4 else b"\x70\x03\x12\x34\x92"
    device.send(*map(pubrel, numbers[:150]), pubrel(unknown), PINGREQ, *map(pubrel, numbers[150:]))
    expected = b"".join(map(pubcomp, numbers[:150])) + not_found + PINGRESP + b"".join(map(pubcomp, numbers[150:]))
    assert device.wire.take() == expected
    assert world.frontend.counters.unreleased == 0


@BOTH
@pytest.mark.parametrize("qos", [0, 1])
def test_another_message_that_has_to_wait_takes_no_identifier_out_of_use(level: int, qos: int) -> None:
    """The same read brings it. The first message has landed, but waits in line for its PUBREC."""
    world = World()
    device = come(world, level)
    slow = publish("p1/t", b"slow", packet_id=4, level=level)
    device.send(slow, exactly(b"1", level=level), publish("later/x", qos=qos, packet_id=9, level=level))
    world.time.turn()
    world.kafka.answer(at=[batch.partition for batch, _ in world.kafka.waiting].index(0))
    device.session.gone()
    device = come(world, level, present=True)
    device.send(publish("p1/t", b"slow", packet_id=4, level=level, dup=True), exactly(b"1", level=level, dup=True))
    world.answer_all()
    assert device.wire.take() == puback(4) + pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]


@BOTH
def test_a_malformed_message_leaves_no_identifier_in_use(level: int) -> None:
    world = World()
    device = come(world, level)
    device.send(exactly(b"1", level=level), publish("a/+", qos=2, packet_id=2, level=level))
    assert device.wire.closed
    world.answer_all()
    device = come(world, level, present=True)
    device.send(pubrel(2), exactly(b"2", 2, level=level))
    assert not device.wire.closed
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


@BOTH
def test_a_malformed_message_behind_another_leaves_that_ones_identifier_in_use(level: int) -> None:
    world = World()
    device = come(world, level)
    device.send(exactly(b"1", level=level), publish("a/+", qos=1, packet_id=1, level=level))
    assert device.wire.closed
    device = come(world, level, present=True)
    device.send(exactly(b"1", level=level))  # without DUP: the identifier alone tells
    world.answer_all()
    assert device.wire.take() == pubrec(1)
    assert world.kafka.log["plant", 0] == [b"1"]
