"""The session: bytes in, bytes out, for both protocol versions, on virtual time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ConnectRefusedError, RejectedError
from adapter.model import EmptyPayload
from adapter.mqtt.topic_alias import TOO_LONG
from adapter.reasons import Limit, Reason, ReasonCode
from tests.support.front_end import World
from tests.support.packets import (
    CONNACK_OK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    connect,
    packet,
    puback,
    publish,
    text,
)


@pytest.fixture
def world() -> World:
    return World()


BOTH = pytest.mark.parametrize("level", [4, 5])


# -- CONNECT --


def test_a_3_1_1_connack_is_four_bytes(world: World) -> None:
    device = world.accept()
    device.send(connect())
    assert device.wire.take() == CONNACK_OK


def test_a_5_0_connack_tells_the_limits(world: World) -> None:
    device = world.accept()
    device.send(connect(level=5))
    answer = device.wire.take()
    assert answer[:1] == b"\x20"
    properties = answer[5:]
    assert b"\x21\x03\xe8" in properties, "Receive Maximum 1000"
    assert b"\x27\x00\x04\x00\x00" in properties, "Maximum Packet Size 262144"
    assert b"\x22\x00\x40" in properties, "Topic Alias Maximum 64"


def test_an_empty_client_identifier_gets_one_assigned_in_5_0(world: World) -> None:
    device = world.accept()
    device.send(connect("", level=5))
    assert b"\x12\x00\x1dauto-" in device.wire.take()


def test_an_empty_client_identifier_is_fine_with_a_clean_session_in_3_1_1(world: World) -> None:
    device = world.accept()
    device.send(connect(""))
    assert device.wire.take() == CONNACK_OK


def test_an_empty_client_identifier_without_clean_session_is_refused_in_3_1_1(world: World) -> None:
    device = world.accept()
    device.send(connect("", clean=False))
    assert device.wire.take() == b"\x20\x02\x00\x02"
    assert device.wire.closed


def test_level_3_is_refused_as_an_unacceptable_version(world: World) -> None:
    device = world.accept()
    device.send(packet(0x10, text("MQIsdp") + b"\x03\x02\x00\x3c" + text("c1")))
    assert device.wire.take() == b"\x20\x02\x00\x01"
    assert device.wire.closed


def test_wrong_credentials_are_refused_in_the_words_of_each_version(world: World) -> None:
    world.gate.refuse = ConnectRefusedError(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "no")
    old, new = world.accept(), world.accept()
    old.send(connect())
    new.send(connect(level=5))
    assert old.wire.take() == b"\x20\x02\x00\x04"
    assert new.wire.take()[3] == 0x86
    assert old.wire.closed
    assert new.wire.closed


def test_enhanced_authentication_is_refused(world: World) -> None:
    device = world.accept()
    device.send(connect(level=5, properties=b"\x15" + text("SCRAM")))
    assert device.wire.take()[3] == 0x8C


def test_one_connection_more_than_allowed_is_refused() -> None:
    world = World(max_connections=1)
    world.device("c1")
    old, new = world.accept(), world.accept()
    old.send(connect("c2"))
    new.send(connect("c3", level=5))
    assert old.wire.take() == b"\x20\x02\x00\x03"
    assert new.wire.take()[3] == 0x97


@pytest.mark.parametrize("first", [PINGREQ, publish("t"), DISCONNECT, b"GET / HTTP/1.1\r\n"])
def test_anything_before_connect_closes_without_an_answer(world: World, first: bytes) -> None:
    device = world.accept()
    device.send(first)
    assert device.wire.take() == b""
    assert device.wire.closed


@BOTH
def test_a_second_connect_ends_the_connection(world: World, level: int) -> None:
    device = world.device(level=level)
    device.send(connect(level=level))
    assert device.wire.take()[:1] == (b"\xe0" if level == 5 else b"")
    assert device.wire.closed


def test_without_a_connect_the_connection_is_closed_after_the_timeout(world: World) -> None:
    device = world.accept()
    device.send(connect()[:5])
    world.time.advance(9)
    assert not device.wire.closed
    world.time.advance(3)
    assert device.wire.closed


def test_the_new_connection_takes_over_only_after_it_is_authenticated(world: World) -> None:
    old = world.device("same", level=5)
    world.gate.hold_connects = True
    new = world.accept()
    new.send(connect("same"))
    assert not old.wire.closed
    world.gate.let_in()
    assert old.wire.take()[:3] == b"\xe0\x02\x8e" or old.wire.written[:1] == b""
    assert old.wire.closed
    assert new.wire.take() == CONNACK_OK


def test_a_tenant_cannot_take_over_the_device_of_another(world: World) -> None:
    old = world.device("same")
    world.gate.hold_connects = True
    new = world.accept()
    new.send(connect("same"))
    world.gate.let_in(tenant="other")
    assert not old.wire.closed


def test_what_follows_connect_at_once_is_taken_after_the_connack(world: World) -> None:
    world.gate.hold_connects = True
    device = world.accept()
    device.send(connect(), publish("t", b"1"), PINGREQ)
    assert device.wire.take() == b""
    world.gate.let_in()
    assert device.wire.take() == CONNACK_OK + PINGRESP
    world.answer_all()
    assert device.wire.take() == puback(1)


# -- keep-alive --


def test_silence_for_one_and_a_half_keep_alives_ends_the_connection(world: World) -> None:
    device = world.device(level=5, keep_alive=10)
    world.time.advance(14)
    assert not device.wire.closed
    world.time.advance(3)
    assert device.wire.take()[:3] == b"\xe0\x02\x8d" or device.wire.closed
    assert device.wire.closed


def test_a_ping_in_time_keeps_the_connection(world: World) -> None:
    device = world.device(keep_alive=10)
    for _ in range(10):
        world.time.advance(10)
        device.send(PINGREQ)
    assert device.wire.take() == PINGRESP * 10
    assert not device.wire.closed


def test_keep_alive_0_means_none(world: World) -> None:
    device = world.device(keep_alive=0)
    world.time.advance(1_000_000)
    assert not device.wire.closed


def test_keep_alive_is_not_enforced_against_a_connection_that_we_paused(world: World) -> None:
    device = world.device(keep_alive=10)
    device.send(publish("later/x", bytes(5000)))
    assert not device.wire.reading
    world.time.advance(50)
    assert not device.wire.closed
    world.gate.answer()
    world.time.advance(10)
    assert not device.wire.closed
    world.time.advance(10)
    assert device.wire.closed


# -- PUBLISH and PUBACK --


@BOTH
def test_the_puback_leaves_only_after_kafka_acknowledged(world: World, level: int) -> None:
    device = world.device(level=level)
    device.send(publish("t", b"1", packet_id=7, level=level))
    world.time.advance(30)
    assert device.wire.take() == b""
    world.kafka.answer()
    assert device.wire.take() == puback(7)
    assert world.kafka.log["plant", 0] == [b"1"]
    assert world.balanced()


def test_qos_0_gets_no_answer_and_is_in_order_with_qos_1(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1", qos=0), publish("t", b"2"), publish("t", b"3", qos=0))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3"]
    assert device.wire.take() == puback(1)
    assert (world.ledger.received, world.ledger.acknowledged) == ([2, 1, 0], [2, 1, 0])


@BOTH
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_packets_may_arrive_in_pieces_of_any_size(world: World, level: int, size: int) -> None:
    device = world.device(level=level)
    payloads = [b"%d" % number * (number * 7 % 200) or b"0" for number in range(40)]
    stream = b"".join(
        publish("t", payload, packet_id=number + 1, level=level) for number, payload in enumerate(payloads)
    )
    for at in range(0, len(stream), size):
        device.send(stream[at : at + size])
    world.answer_all()
    assert world.kafka.log["plant", 0] == payloads
    assert device.wire.take() == b"".join(puback(number + 1) for number in range(40))


def test_consecutive_publishes_to_a_topic_are_looked_up_once_and_share_a_run(world: World) -> None:
    device = world.device()
    device.send(*(publish("t", b"%d" % number, packet_id=number + 1) for number in range(200)))
    world.time.turn()
    batch = world.kafka.waiting[0][0]
    assert len(batch.runs) == 1
    assert len(world.gate.resolved) == 1


def test_pubacks_leave_in_the_order_of_the_publishes_whatever_partition_answers_first(world: World) -> None:
    device = world.device()
    device.send(publish("t", packet_id=1), publish("p1/t", packet_id=2), publish("t", packet_id=3))
    world.time.turn()
    world.kafka.answer(at=1)
    assert device.wire.take() == b""
    world.kafka.answer()
    assert device.wire.take() == puback(1) + puback(2) + puback(3)


def test_each_packet_identifier_is_acknowledged_even_when_it_is_used_twice(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1", packet_id=9), publish("t", b"1", packet_id=9))
    world.answer_all()
    assert device.wire.take() == puback(9) * 2


def test_on_receipt_acknowledges_at_once_but_not_before_an_earlier_message(world: World) -> None:
    device = world.device()
    device.send(publish("early/t", packet_id=1))
    assert device.wire.take() == puback(1)
    device.send(publish("t", packet_id=2), publish("early/t", packet_id=3))
    assert device.wire.take() == b""
    world.answer_all()
    assert device.wire.take() == puback(2) + puback(3)
    assert world.ledger.acknowledged == [0, 3, 0]


def test_a_message_that_was_acknowledged_on_receipt_and_is_lost_does_not_end_the_connection(world: World) -> None:
    device = world.device()
    device.send(publish("early/t", b"1", packet_id=1))
    assert device.wire.take() == puback(1)
    world.time.advance(61)
    world.time.advance(1)
    assert world.ledger.unknown[1] == 1
    device.send(publish("early/t", b"2", packet_id=2), PINGREQ)
    assert device.wire.take() == PINGRESP + puback(2)
    world.answer_all()
    assert world.balanced()


def test_the_flags_of_a_publish_reach_the_record(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1", retain=True), publish("t", b"2", dup=True, packet_id=2))
    world.time.turn()
    headers = [run.headers()[1:] for run in world.kafka.waiting[0][0].runs]
    assert headers == [[("qos", b"1"), ("retain", b"1")], [("qos", b"1"), ("retain", b"0")]]


def test_creation_time_is_the_first_header_and_the_timestamp(world: World) -> None:
    device = world.device()
    device.send(publish("t"))
    world.time.turn()
    run = world.kafka.waiting[0][0].runs[0]
    assert run.headers()[0] == ("creation-time", str(world.time.wall_ms()).encode())
    assert run.arrived_ms == world.time.wall_ms()


def test_a_lookup_is_made_once_and_everything_behind_it_waits_in_order(world: World) -> None:
    device = world.device()
    device.send(
        publish("later/x", b"1"), publish("t", b"2", packet_id=2), publish("later/x", b"3", packet_id=3), PINGREQ
    )
    assert len(world.gate.waiting) == 1
    world.answer_all()
    assert world.kafka.log == {}
    assert device.wire.take() == PINGRESP
    world.gate.answer()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3"]
    assert device.wire.take() == puback(1) + puback(2) + puback(3)
    assert world.gate.waiting == []


def test_while_a_topic_is_looked_up_a_little_is_read_and_pings_are_answered(world: World) -> None:
    device = world.device(keep_alive=10)
    device.send(publish("later/x"))
    for _ in range(6):
        world.time.advance(5.0)
        device.send(PINGREQ)
        assert device.wire.take() == PINGRESP
    device.send(publish("later/x", bytes(4096), packet_id=2))
    assert not device.wire.reading
    world.time.advance(60.0)
    assert not device.wire.closed, "it cannot be heard, because we do not listen"
    world.gate.answer()
    assert device.wire.reading


@pytest.mark.parametrize("end", ["gone", "taken over"])
def test_a_lookup_ends_with_its_connection(world: World, end: str) -> None:
    device = world.device()
    device.send(publish("later/x", bytes(3000)))
    if end == "gone":
        device.session.gone()
    else:
        world.device()
    assert world.gate.waiting == []
    assert world.ledger.received == [0, 0, 0]
    assert device.session._held is None


def test_routes_of_a_retired_lane_are_looked_up_again(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1"))
    world.answer_all()
    world.pipeline.retire("plant", lambda: None)
    world.time.advance(1)
    device.send(publish("t", b"2", packet_id=2))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert len(world.gate.resolved) == 2


def test_a_route_that_was_found_and_retired_while_the_connection_waited_is_looked_up_again(world: World) -> None:
    device = world.device()
    device.send(publish("later/t", b"1"))
    device.session.pause(16)
    world.gate.answer()
    world.pipeline.retire("plant", lambda: None)
    device.session.resume(16)
    assert world.kafka.waiting == []
    world.gate.answer()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1"]
    assert device.wire.take() == puback(1)


def test_the_cache_of_routes_is_bounded() -> None:
    world = World(routes_cached=4)
    device = world.device()
    for number in range(10):
        device.send(publish(f"t/{number}"))
    device.send(publish("t/9"))
    device.send(publish("t/0"))
    assert [header.topic for header in world.gate.resolved] == [*(f"t/{number}" for number in range(10)), "t/0"]


# -- refusals --


def test_a_5_0_device_reads_why_its_message_is_refused_and_goes_on(world: World) -> None:
    device = world.device(level=5)
    device.send(publish("no/x", level=5, packet_id=1), publish("t", b"2", level=5, packet_id=2))
    answer = device.wire.take()
    assert answer[:5] == b"\x40\x10\x00\x01\x87"
    assert b"not yours" in answer
    world.answer_all()
    assert device.wire.take() == puback(2)
    assert world.ledger.refused[1] == {Reason.NOT_AUTHORIZED: 1}


def test_no_reason_string_when_the_device_does_not_want_it(world: World) -> None:
    device = world.device(level=5, properties=b"\x17\x00")
    device.send(publish("no/x", level=5))
    assert device.wire.take() in (b"\x40\x03\x00\x01\x87", b"\x40\x04\x00\x01\x87\x00")


def test_a_3_1_1_device_is_closed_at_the_refused_message_after_the_pubacks_before_it(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1", packet_id=1), publish("no/x", packet_id=2), publish("t", b"3", packet_id=3))
    assert not device.wire.closed
    device.send(PINGREQ)
    assert device.wire.take() == PINGRESP
    device.send(publish("t", b"4" * 5000, packet_id=4))
    assert not device.wire.reading
    world.answer_all()
    assert device.wire.take() == puback(1)
    assert device.wire.closed
    assert world.kafka.log["plant", 0] == [b"1"], "nothing behind the refused message is taken"
    assert world.log.events[-1][1]["reason"] == Reason.NOT_AUTHORIZED
    assert world.balanced()


def test_a_refused_qos_0_message_is_dropped_and_counted(world: World) -> None:
    device = world.device()
    device.send(publish("no/x", qos=0), publish("t", b"2"))
    world.answer_all()
    assert world.ledger.dropped[0] == {Reason.NOT_AUTHORIZED: 1}
    assert device.wire.take() == puback(1)


@BOTH
def test_an_empty_payload_is_refused_where_it_needs_a_content_type(world: World, level: int) -> None:
    device = world.device(level=level)
    device.send(publish("full/x", b"1", packet_id=1, level=level), publish("full/x", b"", packet_id=2, level=level))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1"]
    assert world.ledger.refused[1] == {Reason.EMPTY_PAYLOAD: 1}
    assert device.wire.closed == (level == 4)


@BOTH
def test_a_payload_is_refused_where_the_content_type_says_that_there_is_none(world: World, level: int) -> None:
    device = world.device(level=level)
    device.send(publish("empty/x", b"", packet_id=1, level=level), publish("empty/x", b"2", packet_id=2, level=level))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b""]
    assert world.ledger.refused[1] == {Reason.PAYLOAD_FORMAT: 1}
    assert device.wire.closed == (level == 4)


@BOTH
@pytest.mark.parametrize(("topic", "good", "bad"), [("empty/x", b"", b"2"), ("full/x", b"1", b"")])
def test_reads_that_look_like_the_one_before_are_refused_too_if_their_payload_does_not_fit(
    world: World, level: int, topic: str, good: bytes, bad: bytes
) -> None:
    device = world.device(level=level)
    for number, payload in enumerate((good, good, bad), start=1):
        device.send(publish(topic, payload, packet_id=number, level=level))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [good, good]
    assert sum(world.ledger.refused[1].values()) == 1
    assert world.balanced()


@pytest.mark.parametrize(
    ("topic", "payload", "properties"), [("empty/x", b"2", b""), ("full/x", b"", b""), ("t", b"\xff", b"\x01\x01")]
)
def test_a_message_whose_payload_does_not_fit_is_kept_as_a_dead_letter(
    topic: str, payload: bytes, properties: bytes
) -> None:
    world = World(check_payload_format=True)
    world.frontend.route_refused = lambda template, refusal: world.gate.bound(
        replace(template, empty_payload=EmptyPayload.ALLOWED, refusal=refusal)
    )
    device = world.device(level=5)
    device.send(publish(topic, payload, packet_id=1, level=5, properties=properties))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [payload]
    assert device.wire.take() == puback(1)
    assert world.balanced()


def test_a_record_too_large_for_kafka_is_refused_before_it_is_sent() -> None:
    world = World(max_record_size=1000)
    device = world.device(level=5)
    device.send(publish("t", b"x" * 1000, level=5))
    assert device.wire.take()[4] == 0x97
    assert world.ledger.refused[1] == {Reason.TOO_LARGE: 1}


def test_what_kafka_rejects_is_answered_to_5_0_and_closes_3_1_1(world: World) -> None:
    old, new = world.device("old"), world.device("new", level=5)
    old.send(publish("t", b"bad"))
    new.send(publish("t", b"bad", level=5))
    world.answer_all(RejectedError("INVALID_RECORD"))
    assert old.wire.closed
    assert new.wire.take()[4] == 0x83
    assert world.ledger.refused[1] == {Reason.REJECTED_BY_KAFKA: 2}
    assert world.balanced()


@BOTH
def test_what_stands_behind_a_refused_message_of_a_connection_that_has_ended_does_not_land(
    world: World, level: int
) -> None:
    """The device cannot be told: it sends both again, and the second must not be there before the first."""
    device = world.device(level=level)
    device.send(publish("t", b"first", level=level, packet_id=1))
    world.time.turn()
    device.send(publish("p1/t", b"other", level=level, packet_id=2), publish("t", b"second", level=level, packet_id=3))
    device.session.gone()
    world.kafka.answer(RejectedError("not authorised"))
    world.answer_all()
    assert world.kafka.log == {("plant", 1): [b"other"]}
    assert world.frontend.counters.paused == 0
    assert world.balanced()


@BOTH
def test_nothing_is_acknowledged_after_a_message_that_ends_the_connection(world: World, level: int) -> None:
    """Closings are paced: Kafka can answer for other partitions before the connection's turn has come."""
    device = world.device(level=level)
    device.send(publish("t", b"1", level=level, packet_id=1))
    world.time.advance(30)
    device.send(publish("p1/t", b"2", level=level, packet_id=2))
    world.time.turn()
    while not world.ledger.unknown[1]:
        world.time.advance(0.001)
    assert not device.wire.closed
    world.kafka.answer(at=1)
    assert device.wire.take() == b""
    world.time.advance(1)
    assert device.wire.closed
    assert world.balanced()


@BOTH
def test_after_the_delivery_timeout_the_device_is_closed_without_puback(world: World, level: int) -> None:
    device = world.device(level=level)
    device.send(publish("t", level=level))
    world.time.advance(65)
    assert device.wire.take() == (b"\xe0\x01\x89" if level == 5 else b"") or level == 5
    assert device.wire.closed
    world.kafka.answer()
    assert world.ledger.unknown[1] == 1
    assert world.balanced()


def test_a_failed_fleet_is_let_go_one_after_another(world: World) -> None:
    devices = [world.device(f"c{number}") for number in range(500)]
    for device in devices:
        device.send(publish("t"))
    closed = []
    for _ in range(90):
        world.time.advance(1)
        closed.append(sum(device.wire.closed for device in devices))
    assert closed[-1] == 500
    steps = [after - before for before, after in itertools.pairwise(closed)]
    assert max(steps) <= 150


@BOTH
@hypothesis.settings(max_examples=300)
@given(
    shape=st.lists(
        st.tuples(
            st.sampled_from(["t", "t", "u"]),
            st.sampled_from([b"aa", b"bb", b""]),
            st.sampled_from([1, 1, 0]),
            st.sampled_from([b"", b"", b"\x01\x00"]),  # as long as two bytes of payload
            st.sampled_from([False, False, True]),
            st.sampled_from([b"", b"", PINGREQ]),
        ),
        max_size=12,
    ),
    zero_at=st.integers(0, 20),
    window=st.integers(2, 12),
)
def test_one_publish_a_read_is_taken_like_many_in_one(
    level: int, shape: list[tuple[str, bytes, int, bytes, bool, bytes]], zero_at: int, window: int
) -> None:
    """Whatever shortcut there is for a read like the one before."""
    packets = [
        before
        + publish(
            topic, payload, qos=qos, packet_id=0 if index == zero_at else index + 1, level=level,
            properties=properties if level == 5 else b"", dup=bool(dup and qos),
        )
        for index, (topic, payload, qos, properties, dup, before) in enumerate(shape)
    ]  # fmt: skip
    outcomes = []
    for reads in (packets, [b"".join(packets)]):
        world = World(receive_maximum=window)
        device = world.device(level=level)
        for read in reads:
            device.send(read)
        world.answer_all()
        answers = device.wire.take()
        outcomes.append(
            (
                world.kafka.log,
                answers.replace(PINGRESP, b""),
                answers.count(PINGRESP),
                device.wire.closed,
                world.ledger.received,
                world.ledger.acknowledged,
                world.frontend.counters.packets_received,
            )
        )
        assert world.balanced()
    assert outcomes[0] == outcomes[1]


# -- limits --


def test_past_the_window_a_3_1_1_device_is_not_read_and_nothing_is_lost() -> None:
    world = World(receive_maximum=3)
    device = world.device()
    device.send(*(publish("t", b"%d" % number, packet_id=number) for number in range(1, 8)))
    assert world.ledger.received[1] == 3
    device.send(publish("t", b"8" * 5000, packet_id=8))
    assert not device.wire.reading
    world.answer_all()
    assert device.wire.reading
    assert world.kafka.log["plant", 0] == [*(b"%d" % number for number in range(1, 8)), b"8" * 5000]
    assert device.wire.take() == b"".join(puback(n) for n in range(1, 9))


@given(cut=st.integers(1, 70))
def test_a_ping_behind_publishes_that_wait_for_kafka_is_answered_at_once(cut: int) -> None:
    world = World(receive_maximum=1)
    device = world.device()
    stream = publish("t", b"1", packet_id=1) + publish("t", b"2", packet_id=2) + PINGREQ
    stream += publish("t", PINGREQ * 9, packet_id=3) + PINGREQ * 2 + publish("t", b"4", packet_id=4)
    device.send(stream[:cut])
    device.send(stream[cut:])
    assert device.wire.take() == PINGRESP * 3
    world.answer_all()
    assert device.wire.take() == b"".join(puback(n) for n in range(1, 5))
    assert world.kafka.log["plant", 0] == [b"1", b"2", PINGREQ * 9, b"4"]


def test_a_malformed_packet_behind_publishes_that_wait_ends_the_connection_in_its_turn() -> None:
    world = World(receive_maximum=1)
    device = world.device()
    device.send(*(publish("t", b"%d" % n, packet_id=n) for n in (1, 2)), b"\xc0\xff\xff\xff\xff\xff")
    device.send(PINGREQ)
    assert not device.wire.closed
    world.answer_all()
    assert device.wire.closed
    assert world.kafka.log["plant", 0] == [b"1", b"2"]


def test_what_a_device_sent_before_it_closed_its_side_is_taken_although_it_had_to_wait() -> None:
    world = World(receive_maximum=1)
    device = world.device()
    device.send(*(publish("t", b"%d" % n, packet_id=n) for n in (1, 2, 3)))
    assert device.session.eof()
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3"]
    assert device.wire.closed


def test_past_receive_maximum_a_5_0_device_is_disconnected() -> None:
    world = World(receive_maximum=3)
    device = world.device(level=5)
    device.send(*(publish("t", packet_id=number, level=5) for number in range(1, 5)))
    assert device.wire.take()[2] == 0x93
    assert device.wire.closed
    world.answer_all()
    assert world.ledger.acknowledged[1] == 3


def test_over_the_budget_qos_1_waits_and_qos_0_is_dropped() -> None:
    world = World(budget=2800)
    flooder, quiet, casual = world.device("flooder"), world.device("quiet"), world.device("casual")
    flooder.send(*(publish("t", b"x" * 500, packet_id=number) for number in range(1, 4)))
    quiet.send(publish("t", b"y" * 100, packet_id=1))
    flooder.send(publish("t", b"more", packet_id=4))
    quiet.send(PINGREQ)
    assert world.ledger.received[1] == 4
    assert quiet.wire.take() == PINGRESP
    flooder_zero = world.device("zero")
    flooder_zero.send(publish("t", b"z" * 900, qos=0))
    casual.send(publish("t", b"dropped", qos=0))
    assert world.ledger.dropped[0] == {}
    world.time.advance(1)
    assert world.ledger.dropped[0] == {Reason.BUDGET: 1}
    casual.send(publish("t", b"dropped at once", qos=0))
    assert world.ledger.dropped[0] == {Reason.BUDGET: 2}
    world.answer_all()
    assert flooder.wire.take() == b"".join(puback(n) for n in range(1, 5))
    assert world.balanced()


def test_qos_0_waits_half_a_second_for_room_also_while_kafka_takes_a_little() -> None:
    world = World(budget=2000)
    world.device("full").send(publish("p1/t", b"x" * 2000))
    device = world.device("zero")
    device.send(publish("t", b"0", qos=0))
    for _ in range(4):
        world.time.advance(0.1)
        world.budget.release(1)
    assert world.ledger.dropped[0] == {}
    world.time.advance(0.2)
    assert world.ledger.dropped[0] == {Reason.BUDGET: 1}
    device.send(publish("t", b"0", qos=0))
    assert world.ledger.dropped[0] == {Reason.BUDGET: 2}
    world.budget.used += 4
    world.answer_all()
    device.send(publish("t", b"room", qos=0))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"room"]
    assert world.balanced()


@BOTH
def test_a_device_that_sends_one_message_after_the_other_stays_within_the_budget(level: int) -> None:
    world = World(budget=2000)
    device = world.device(level=level)
    for number in range(1, 9):
        device.send(publish("t", b"x" * 500, packet_id=number, level=level))
    assert world.budget.used <= 2000
    assert world.ledger.received[1] < 8
    world.answer_all()
    assert device.wire.take() == b"".join(puback(n) for n in range(1, 9))
    assert world.balanced()


@BOTH
def test_a_packet_larger_than_allowed_ends_the_connection_before_it_has_arrived(level: int) -> None:
    world = World(max_packet_size=1000)
    device = world.device(level=level)
    device.send(publish("t", b"x" * 2000, level=level)[:10])
    assert device.wire.take()[:3] == (b"\xe0\x3b\x95" if level == 5 else b"") or level == 5
    assert device.wire.closed


def test_a_device_that_does_not_read_its_pubacks_is_not_read(world: World) -> None:
    device = world.device()
    device.session.pause(16)
    assert not device.wire.reading
    device.session.resume(16)
    assert device.wire.reading


# -- other packets --


def test_subscribe_is_answered_with_a_refusal_for_each_filter(world: World) -> None:
    old, new = world.device("old"), world.device("new", level=5)
    filters = text("a/#") + b"\x01" + text("b") + b"\x00"
    old.send(packet(0x82, b"\x00\x05" + filters))
    new.send(packet(0x82, b"\x00\x05\x00" + filters))
    assert old.wire.take() == b"\x90\x04\x00\x05\x80\x80"
    assert new.wire.take() == b"\x90\x05\x00\x05\x00\x83\x83"
    assert not old.wire.closed


def test_unsubscribe_is_answered(world: World) -> None:
    old, new = world.device("old"), world.device("new", level=5)
    old.send(packet(0xA2, b"\x00\x05" + text("a")))
    new.send(packet(0xA2, b"\x00\x05\x00" + text("a")))
    assert old.wire.take() == b"\xb0\x02\x00\x05"
    assert new.wire.take() == b"\xb0\x04\x00\x05\x00\x11"


def test_disconnect_closes_and_what_is_pending_stays_in_order(world: World) -> None:
    device = world.device()
    device.send(publish("t", b"1"), DISCONNECT)
    assert device.wire.closed
    again = world.device()
    again.send(publish("t", b"1", dup=True), publish("t", b"2", packet_id=2))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert device.wire.take() == b""
    assert world.balanced()


MALFORMED = [
    ("QoS 3", b"\x36\x05\x00\x01t\x00\x01"),
    ("packet identifier 0", b"\x32\x05\x00\x01t\x00\x00"),
    ("DUP on QoS 0", b"\x38\x03\x00\x01t"),
    ("topic longer than the packet", b"\x30\x03\x00\x09t"),
    ("no topic length", b"\x30\x01\x00"),
    ("empty packet", b"\x30\x00"),
    ("five length bytes", b"\x30\x80\x80\x80\x80\x01"),
    ("topic is not UTF-8", b"\x30\x03\x00\x01\xff"),
    ("topic with a wildcard", b"\x30\x03\x00\x01#"),
    ("reserved flags of PINGREQ", b"\xc1\x00"),
    ("PINGREQ with a body", b"\xc0\x01x"),
    ("packet type 0", b"\x00\x00"),
    ("CONNACK from a client", b"\x20\x02\x00\x00"),
    ("SUBSCRIBE without filters", b"\x82\x02\x00\x01"),
]


@pytest.mark.parametrize("bad", [case[1] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_a_malformed_packet_ends_its_own_connection_and_nothing_else(world: World, bad: bytes) -> None:
    device, other = world.device("bad"), world.device("good")
    device.send(publish("t", b"before"), bad, publish("t", b"after", packet_id=2))
    assert device.wire.closed
    other.send(publish("t", b"other"))
    world.answer_all()
    assert world.kafka.log["plant", 0] == [b"before", b"other"]
    assert other.wire.take() == puback(1)
    assert world.balanced()


@pytest.mark.parametrize("bad", [case[1] for case in MALFORMED[:7]], ids=[case[0] for case in MALFORMED[:7]])
def test_5_0_is_told_that_the_packet_was_malformed(world: World, bad: bytes) -> None:
    device = world.device(level=5)
    if len(bad) > 4 and bad[0] in (0x36, 0x32):
        bad = bad[:1] + bytes([bad[1] + 1]) + bad[2:] + b"\x00"
    device.send(bad)
    answer = device.wire.take()
    assert (answer[0], answer[2]) == (0xE0, 0x81)


# -- topic alias --


def alias(number: int) -> bytes:
    return b"\x23" + number.to_bytes(2, "big")


def test_a_topic_alias_stands_for_its_topic(world: World) -> None:
    device = world.device(level=5)
    device.send(
        publish("a/b", b"1", level=5, packet_id=1, properties=alias(1)),
        publish("", b"2", level=5, packet_id=2, properties=alias(1)),
        publish("c/d", b"3", level=5, packet_id=3, properties=alias(1)),
        publish("", b"4", level=5, packet_id=4, properties=alias(1)),
    )
    world.answer_all()
    assert [header.topic for header in world.gate.resolved] == ["a/b", "c/d"]
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (publish("", level=5, properties=alias(1)), 0x82),
        (publish("", level=5), 0x82),
        (publish("t", level=5, properties=alias(65)), 0x94),
        (publish("t", level=5, properties=alias(0)), 0x94),
    ],
    ids=["unknown alias", "neither topic nor alias", "above the maximum", "zero"],
)
def test_a_wrong_topic_alias_ends_the_connection(world: World, bad: bytes, code: int) -> None:
    device = world.device(level=5)
    device.send(bad)
    assert device.wire.take()[2] == code


def test_an_alias_for_a_topic_that_is_too_long_does_not_keep_it() -> None:
    world = World(max_topic_length=10)
    device = world.device(level=5)
    device.send(publish("a/b/c/d/e/f", level=5, packet_id=1, properties=alias(1)))
    device.send(publish("a" * 65_535, level=5, packet_id=2, properties=alias(2)))
    before = device.wire.take()
    device.send(publish("", level=5, packet_id=1, properties=alias(1)))
    device.send(publish("", level=5, packet_id=2, properties=alias(2)))
    assert device.wire.take() == before, "refused for its length, as with the topic"
    assert before[4] == ReasonCode.TOPIC_NAME_INVALID
    assert world.frontend.counters.limited == {Limit.TOPIC_LENGTH: 4}
    flow = device.session._flow
    assert flow is not None
    assert flow._prefixes is not None
    assert set(map(id, flow._prefixes._aliases.values())) == {id(TOO_LONG)}


def test_properties_reach_routing(world: World) -> None:
    device = world.device(level=5)
    properties = b"\x03" + text("text/plain") + b"\x26" + text("k") + text("v") + b"\x02\x00\x00\x00\x09"
    device.send(publish("t", level=5, properties=properties))
    [header] = world.gate.resolved
    assert header.properties.content_type == "text/plain"
    assert header.properties.user_properties == (("k", "v"),)
    assert header.properties.message_expiry == 9


# -- the end --


def test_at_shutdown_pubacks_come_before_the_goodbye(world: World) -> None:
    old, new = world.device("old"), world.device("new", level=5)
    old.send(publish("t"))
    new.send(publish("t", level=5))
    world.frontend.stop_reading()
    assert not old.wire.reading
    world.answer_all()
    world.frontend.close_all()
    assert old.wire.take() == puback(1)
    answer = new.wire.take()
    assert answer[:4] == puback(1)
    assert (answer[4], answer[6]) == (0xE0, 0x8B)
    assert old.wire.closed
    assert new.wire.closed


def test_the_counters_of_connections_return_to_zero(world: World) -> None:
    device = world.device()
    device.send(publish("later/x"))
    assert world.frontend.counters.paused == 1
    device.session.gone()
    assert world.frontend.counters.paused == 0
    assert world.frontend.connected == 0
    assert world.frontend.sessions == {}
    assert world.frontend.counters.closed == {"connection_lost": 1}


# -- what a 5.0 client takes --


def test_a_client_that_cannot_take_our_connack_is_refused_in_a_packet_that_it_can_take(world: World) -> None:
    device = world.accept()
    device.send(connect(level=5, properties=b"\x27\x00\x00\x00\x0c"))
    assert device.wire.take() == b"\x20\x03\x00\x95\x00"
    assert device.wire.closed


def test_only_an_assigned_client_identifier_takes_room_in_the_connack(world: World) -> None:
    limit = b"\x27\x00\x00\x00\x20"
    assert world.device("c" * 24, level=5, properties=limit)
    nameless = world.accept()
    nameless.send(connect("", level=5, properties=limit))
    assert nameless.wire.take() == b"\x20\x03\x00\x95\x00"


@pytest.mark.parametrize("kind", [0x82, 0xA2])
def test_a_client_that_cannot_take_its_answer_is_told_so(world: World, kind: int) -> None:
    device = world.device(level=5, properties=b"\x27\x00\x00\x00\x28")
    options = b"\x00" if kind == 0x82 else b""
    device.send(packet(kind, b"\x00\x05\x00" + (text("a") + options) * 60), PINGREQ)
    assert device.wire.take() == b"\xe0\x01\x95"
    assert device.wire.closed


def test_a_disconnect_cannot_bring_back_a_session_that_ends_with_its_connection(world: World) -> None:
    device = world.device(level=5)
    device.send(packet(0xE0, b"\x00\x05\x11\x00\x00\x00\x09"))
    assert device.wire.take()[2] == 0x82


def test_devices_take_their_places_when_they_are_authenticated() -> None:
    world = World(max_connections=2)
    world.gate.hold_connects = True
    devices = [world.accept() for _ in range(3)]
    for name, device in zip("abc", devices, strict=True):
        device.send(connect(name))
    for _ in devices:
        world.gate.let_in()
    assert [device.wire.take() for device in devices] == [CONNACK_OK, CONNACK_OK, b"\x20\x02\x00\x03"]
    assert world.frontend.counters.limited == {Limit.CONNECTIONS: 1}


def test_a_device_that_takes_over_its_own_connection_needs_no_free_place() -> None:
    world = World(max_connections=1)
    first = world.device("a")
    again = world.device("a")
    assert (first.wire.closed, again.wire.closed) == (True, False)
    stranger = world.accept()
    world.gate.hold_connects = True
    stranger.send(connect("a"))
    world.gate.let_in("another tenant")
    assert stranger.wire.take() == b"\x20\x02\x00\x03"
    assert not again.wire.closed


@pytest.mark.parametrize(("level", "codes"), [(4, [2, 4]), (5, [0x85, 0x86])])
def test_names_that_a_kept_session_would_hold_have_a_limit(level: int, codes: list[int]) -> None:
    world = World()
    assert world.device("ä" * 512, level=level, username="u" * 1024)
    answers = []
    for hello in (connect("ä" * 513, level=level), connect(level=level, username="u" * 1025)):
        device = world.accept()
        device.send(hello)
        answers.append(device.wire.take()[3])
        assert device.wire.closed
    assert answers == codes
    assert world.frontend.counters.limited == {Limit.CLIENT_ID_LENGTH: 1, Limit.USER_NAME_LENGTH: 1}
