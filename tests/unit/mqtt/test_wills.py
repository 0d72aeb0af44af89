"""Wills: who may leave one, on which endings it is published, when, and where it stands. On virtual time."""

from __future__ import annotations

import pytest

from adapter.errors import RejectedError, TransientKafkaError
from adapter.model import Refusal
from adapter.reasons import Reason
from tests.support.front_end import Device, World
from tests.support.packets import DISCONNECT, PINGREQ, connect, last_will, packet, publish, text

BOTH = pytest.mark.parametrize("level", [4, 5])
HOUR = b"\x11\x00\x00\x0e\x10"  # Session Expiry Interval
RECORD = 88  # bytes of its record besides the payload
MINUTE = b"\x18\x00\x00\x00\x3c"  # Will Delay Interval


@pytest.fixture
def world() -> World:
    return World()


def sensor(world: World, level: int = 4, *, topic: str = "t", qos: int = 1, **fields: object) -> Device:
    """A device that has left a Will."""
    return world.device(level=level, will=last_will(topic, b"gone", qos=qos, level=level), **fields)


def patient(world: World, *, delay: bytes = MINUTE, session: bytes = HOUR, clean: bool = False) -> Device:
    """A 5.0 device whose Will has time."""
    will = last_will("t", b"gone", level=5, properties=delay)
    return world.device(level=5, clean=clean, properties=session, will=will)


def arrived(world: World, partition: int = 0) -> list[bytes]:
    """What Kafka has, when it has answered everything."""
    world.answer_all()
    assert world.balanced()
    return world.kafka.log.get(("plant", partition), [])


def causes(world: World) -> list[bytes]:
    """What the records' headers say of the endings."""
    marks = [dict(run.headers()).get("mqtt-will") for batch in world.kafka.sent for run in batch.runs]
    return [mark for mark in marks if mark is not None]


# -- endings --


@BOTH
def test_a_connection_that_is_lost_leaves_its_will_behind_all_that_it_published(world: World, level: int) -> None:
    device = sensor(world, level)
    device.send(*(publish("t", b"%d" % n, packet_id=n, level=level) for n in range(1, 4)))
    device.session.gone()
    assert arrived(world) == [b"1", b"2", b"3", b"gone"]
    assert causes(world) == [b"connection_lost"]
    assert world.frontend.counters.wills_published == {"connection_lost": 1}


@BOTH
def test_what_was_read_and_not_taken_when_the_connection_is_lost_stays_untaken(world: World, level: int) -> None:
    device = sensor(world, level)
    device.send(publish("t", b"1", level=level), publish("later/t", b"2", level=level))
    device.session.gone()
    assert arrived(world) == [b"1", b"gone"]


@BOTH
def test_a_goodbye_takes_the_will_along(world: World, level: int) -> None:
    device = sensor(world, level)
    assert (world.frontend.counters.wills, world.frontend.counters.will_bytes) == (1, 1024 + len(b"gone") + RECORD)
    device.send(DISCONNECT)
    assert arrived(world) == []
    assert (world.frontend.counters.wills, world.frontend.counters.will_bytes) == (0, 0)


@BOTH
@pytest.mark.parametrize("end", ["reset", "takeover"])
def test_a_goodbye_that_was_read_takes_it_along_although_publishes_wait_in_front_of_it(
    world: World, level: int, end: str
) -> None:
    device = sensor(world, level)
    device.send(publish("later/t", b"1" * 300, packet_id=1, level=level), DISCONNECT)
    if end == "reset":
        device.session.gone()
    else:
        world.device(level=level)
    assert arrived(world) == []
    assert (world.frontend.counters.wills, world.frontend.counters.wills_published) == (0, {})


@pytest.mark.parametrize(
    "behind",
    [
        b"",
        DISCONNECT[:1],
        packet(0xE0, b"\x04"),  # with Will
        packet(0xE0, b"\xff"),  # no reason code
        publish("t", DISCONNECT, qos=0, level=5),
        b"\x30\xff\xff\xff\xff" + DISCONNECT,
    ],
)
def test_nothing_else_that_waits_behind_publishes_does(world: World, behind: bytes) -> None:
    device = sensor(world, 5)
    device.send(publish("later/t", b"1", packet_id=1, level=5), behind)
    device.session.gone()
    assert arrived(world) == [b"gone"]


def test_the_expiry_of_a_goodbye_that_was_read_counts_for_the_session(world: World) -> None:
    device = patient(world)
    device.send(publish("later/t", b"1", packet_id=1, level=5), packet(0xE0, b"\x04\x05\x11\x00\x00\x00\x00"))
    device.session.gone()
    assert arrived(world) == [b"gone"]


@pytest.mark.parametrize("code", [0x04, 0x80, 0x81, 0x97])
def test_every_other_goodbye_leaves_it(world: World, code: int) -> None:
    device = sensor(world, 5)
    device.send(packet(0xE0, bytes([code])))
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"client_disconnect"]


@BOTH
def test_silence_beyond_the_keep_alive_leaves_it(world: World, level: int) -> None:
    sensor(world, level, keep_alive=10)
    world.time.advance(14)
    assert arrived(world) == []
    world.time.advance(4)
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"keep_alive"]


@BOTH
def test_a_protocol_error_leaves_it_behind_the_publishes_of_the_same_read(world: World, level: int) -> None:
    device = sensor(world, level)
    device.send(publish("t", b"1", level=level), connect())
    assert arrived(world) == [b"1", b"gone"]
    assert causes(world) == [b"protocol_error"]


@BOTH
def test_a_malformed_goodbye_is_none(world: World, level: int) -> None:
    device = sensor(world, level)
    device.send(b"\xe1\x00")
    assert arrived(world) == [b"gone"]


@BOTH
def test_a_takeover_leaves_it_before_what_the_new_connection_publishes(world: World, level: int) -> None:
    sensor(world, level).send(publish("t", b"old", level=level))
    world.device(level=level).send(publish("t", b"new", level=level))
    assert arrived(world) == [b"old", b"gone", b"new"]
    assert causes(world) == [b"taken_over"]


def test_a_refused_message_that_closes_its_3_1_1_connection_leaves_it(world: World) -> None:
    sensor(world).send(publish("no/t"))
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"message_refused"]


@BOTH
def test_a_connection_that_is_closed_after_the_delivery_timeout_leaves_it(world: World, level: int) -> None:
    device = sensor(world, level, keep_alive=0)
    device.send(publish("t", b"1", level=level))
    world.time.turn()
    world.time.advance(62)
    assert device.wire.closed
    assert arrived(world) == [b"1", b"gone"]  # Kafka's word for the first came too late
    assert causes(world) == [b"delivery_timeout"]
    assert world.ledger.unknown == [0, 1, 0]
    assert world.ledger.acknowledged == [0, 1, 0]


# -- Will Delay (5.0) --


def test_a_will_with_delay_waits_for_it(world: World) -> None:
    patient(world).session.gone()
    world.time.advance(59)
    assert arrived(world) == []
    world.time.advance(3)
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"connection_lost"]


def test_a_device_that_is_back_in_its_session_in_time_takes_its_will_back(world: World) -> None:
    patient(world).session.gone()
    world.time.advance(59)
    back = patient(world)
    world.time.advance(30)
    assert arrived(world) == []
    back.send(PINGREQ, DISCONNECT)
    assert world.frontend.counters.wills == 0


def test_a_device_that_is_back_too_late_does_not(world: World) -> None:
    patient(world, delay=b"\x18\x00\x00\x00\x01").session.gone()
    world.time.now += 1.0  # and no timer has run yet
    world.device(level=5, clean=False, properties=HOUR).send(publish("t", b"new", level=5))
    assert arrived(world) == [b"gone", b"new"]


def test_a_clean_start_ends_the_session_and_the_wait(world: World) -> None:
    patient(world).session.gone()
    world.device(level=5, clean=True).send(publish("t", b"new", level=5))
    assert arrived(world) == [b"gone", b"new"]


def test_a_session_that_ends_before_the_delay_ends_the_wait(world: World) -> None:
    patient(world, session=b"\x11\x00\x00\x00\x05").session.gone()
    world.time.advance(4)
    assert arrived(world) == []
    world.time.advance(3)
    assert arrived(world) == [b"gone"]


def test_a_session_that_is_forgotten_because_there_are_too_many_ends_the_wait() -> None:
    world = World(max_sessions=1)
    patient(world).session.gone()
    assert arrived(world) == []
    world.device("another", clean=False).session.gone()
    assert arrived(world) == [b"gone"]
    world.time.advance(61)
    assert arrived(world) == [b"gone"]
    assert world.frontend.counters.wills == 0


def test_a_session_that_ends_with_its_connection_leaves_no_time(world: World) -> None:
    patient(world, session=b"").session.gone()
    assert arrived(world) == [b"gone"]


def test_the_expiry_that_a_goodbye_names_counts(world: World) -> None:
    device = patient(world)
    device.send(packet(0xE0, b"\x04\x05\x11\x00\x00\x00\x00"))
    assert arrived(world) == [b"gone"]


def test_a_takeover_within_the_session_takes_the_will_back(world: World) -> None:
    patient(world)
    patient(world)
    world.time.advance(600)
    assert arrived(world) == [b"gone"], "that of the second, which was silent"
    assert causes(world) == [b"keep_alive"]


def test_a_takeover_with_a_clean_start_does_not(world: World) -> None:
    patient(world)
    patient(world, clean=True)
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"taken_over"]


def test_another_user_does_not_take_back_a_will_that_waits(world: World) -> None:
    patient(world).session.gone()
    world.gate.hold_connects = True
    stranger = world.accept()
    stranger.send(connect(level=5, clean=False, properties=HOUR))
    world.gate.let_in(tenant="other")
    world.time.advance(61)
    assert arrived(world) == [b"gone"]


# -- CONNECT --


@pytest.mark.parametrize(("level", "code"), [(4, 5), (5, 0x87)])
def test_who_may_not_publish_there_is_not_let_in(world: World, level: int, code: int) -> None:
    device = world.accept()
    device.send(connect(level=level, will=last_will("no/t", level=level)))
    assert device.wire.take()[3] == code
    assert device.wire.closed
    assert arrived(world) == []
    assert world.frontend.counters.wills == 0


@BOTH
def test_a_look_up_for_the_will_comes_before_the_connack_and_the_takeover(world: World, level: int) -> None:
    old = world.device(level=level)
    new = world.accept()
    new.send(connect(level=level, will=last_will("later/t", b"gone", level=level)))
    assert new.wire.take() == b""
    assert not old.wire.closed
    world.gate.answer()
    assert new.wire.take()[:1] == b"\x20"
    assert old.wire.closed
    new.session.gone()
    assert arrived(world) == [b"gone"]


@BOTH
def test_a_look_up_whose_device_has_gone_leaves_nothing(world: World, level: int) -> None:
    device = world.accept()
    device.send(connect(level=level, will=last_will("later/t", level=level)))
    device.session.gone()
    world.gate.answer()
    assert arrived(world) == []
    assert world.frontend.counters.wills == 0


@pytest.mark.parametrize(("level", "code"), [(4, 5), (5, 0x99)])
@pytest.mark.parametrize(("topic", "payload"), [("full/t", b""), ("empty/t", b"x")])
def test_the_payload_of_a_will_has_to_fit_as_that_of_a_publish_does(
    world: World, level: int, code: int, topic: str, payload: bytes
) -> None:
    device = world.accept()
    device.send(connect(level=level, will=last_will(topic, payload, level=level)))
    assert device.wire.take()[3] == code


@pytest.mark.parametrize(("level", "code"), [(4, 5), (5, 0x95)])
def test_a_will_that_is_no_record_of_kafkas_is_refused(level: int, code: int) -> None:
    device = World(max_record_size=1000).accept()
    device.send(connect(level=level, will=last_will("t", b"x" * 1000, level=level)))
    assert device.wire.take()[3] == code


@pytest.mark.parametrize(("level", "code"), [(4, 5), (5, 0x90)])
@pytest.mark.parametrize(("topic", "limit"), [("x" * 1025, "topic_length"), ("/" * 128, "topic_levels")])
def test_the_limits_of_topics_are_those_of_wills_too(level: int, code: int, topic: str, limit: str) -> None:
    world = World()
    device = world.accept()
    device.send(connect(level=level, will=last_will(topic, level=level)))
    assert device.wire.take()[3] == code
    assert world.frontend.counters.limited == {limit: 1}


@pytest.mark.parametrize(("level", "code"), [(4, 3), (5, 0x97)])
def test_all_wills_together_have_a_limit(level: int, code: int) -> None:
    world = World(max_will_bytes=3000)
    devices = [sensor(world, level, client_id=name) for name in ("a", "b")]
    third = world.accept()
    third.send(connect("c", level=level, will=last_will("t", level=level)))
    assert third.wire.take()[3] == code
    assert world.device("d", level=level), "who leaves none is let in"
    devices[0].session.gone()
    fourth = world.accept()
    fourth.send(connect("c", level=level, will=last_will("t", level=level)))
    assert fourth.wire.take()[3] == code, "while Kafka does not have it"
    assert arrived(world) == [b"gone"]
    assert sensor(world, level, client_id="c")


def test_the_limit_of_wills_counts_what_their_properties_take() -> None:
    world = World(max_will_bytes=10_000)
    long = b"\x26" + text("k") + text("v" * 9000)
    refused = world.accept()
    refused.send(connect("a", level=5, will=last_will("t", level=5, properties=long)))
    assert refused.wire.take()[3] == 0x97
    short = b"\x26" + text("k") + text("v" * 5000)
    assert world.device("b", level=5, will=last_will("t", level=5, properties=short))
    assert world.frontend.counters.will_bytes > 6000


@BOTH
def test_a_device_that_was_being_let_in_when_the_adapter_stops_is_not(world: World, level: int) -> None:
    device = world.accept()
    device.send(connect(level=level, will=last_will("later/t", level=level)))
    world.frontend.stop_reading()
    world.gate.answer()
    assert device.wire.take()[3] == (0x88 if level == 5 else 3)
    assert arrived(world) == []


# -- the record --


def test_it_is_a_record_like_that_of_a_publish_but_for_its_mark(world: World) -> None:
    world.device(will=last_will("p1/t", b"gone", qos=2, retain=True)).session.gone()
    assert arrived(world, partition=1) == [b"gone"]
    (run,) = world.kafka.sent[0].runs
    assert run.headers()[1:] == [("mqtt-will", b"connection_lost"), ("qos", b"2"), ("retain", b"1")]
    assert world.ledger.received == [0, 0, 1]
    assert world.ledger.acknowledged == [0, 0, 1]


# -- Kafka --


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_will_that_kafka_rejects_is_counted_and_logged(world: World, qos: int) -> None:
    sensor(world, qos=qos).session.gone()
    world.answer_all(RejectedError("invalid record"))
    column = world.ledger.refused if qos else world.ledger.dropped
    assert column[qos] == {Reason.REJECTED_BY_KAFKA: 1}
    assert (
        "will lost",
        {"client_id": "c1", "reason": "rejected_by_kafka", "text": "invalid record"},
    ) in world.log.events
    assert world.frontend.counters.wills == 0
    assert world.balanced()


@pytest.mark.parametrize("qos", [0, 1])
def test_a_will_that_kafka_does_not_answer_is_unknown_after_the_delivery_timeout(world: World, qos: int) -> None:
    sensor(world, qos=qos).session.gone()
    world.time.turn()
    world.time.advance(62)
    assert sum(world.ledger.unknown) == 1
    assert world.log.events[-1][0] == "will lost"
    assert world.frontend.counters.will_bytes == 0
    assert world.balanced()


def test_it_stays_when_an_earlier_message_of_its_device_fails(world: World) -> None:
    device = sensor(world)
    device.send(publish("t", b"1"))
    world.time.turn()
    device.send(publish("t", b"2", packet_id=2))
    world.time.advance(30)
    device.session.gone()
    world.time.advance(31)
    world.kafka.answer(TransientKafkaError("too late"))
    assert arrived(world) == [b"gone"]
    assert world.ledger.unknown == [0, 1, 0]
    assert world.ledger.dropped[1].total() == 1


def test_a_will_whose_topic_kafka_must_be_asked_about_waits_for_the_answer(world: World) -> None:
    sensor(world, topic="lost/t").session.gone()
    assert arrived(world) == []
    assert world.frontend.counters.wills == 1
    (template, done) = world.gate.binding.pop()
    done(world.gate.bound(template))
    assert arrived(world) == [b"gone"]


@pytest.mark.parametrize(("qos", "column"), [(0, "dropped"), (1, "refused")])
def test_a_will_whose_topic_does_not_exist_is_counted_and_logged(world: World, qos: int, column: str) -> None:
    sensor(world, topic="lost/t", qos=qos).session.gone()
    world.gate.binding.pop()[1](Refusal(Reason.KAFKA_TOPIC_MISSING, "no such topic"))
    assert getattr(world.ledger, column)[qos] == {Reason.KAFKA_TOPIC_MISSING: 1}
    assert world.log.events[-1] == (
        "will lost",
        {"client_id": "c1", "reason": "kafka_topic_missing", "text": "no such topic"},
    )
    assert world.frontend.counters.will_bytes == 0
    assert world.balanced()


# -- the adapter stops --


@BOTH
def test_an_adapter_that_stops_publishes_all_wills_behind_what_is_pending(world: World, level: int) -> None:
    device = sensor(world, level)
    device.send(publish("t", b"1", level=level))
    patient(world, session=HOUR).session.gone() if level == 5 else None
    world.frontend.stop_reading()
    assert arrived(world)[:2] == ([b"1", b"gone"])
    world.frontend.close_all()
    assert world.frontend.counters.wills == 0
    assert arrived(world).count(b"gone") == (2 if level == 5 else 1)


def test_wills_that_wait_when_the_adapter_stops_are_published_with_the_cause_that_they_have(world: World) -> None:
    patient(world).session.gone()
    world.frontend.stop_reading()
    assert arrived(world) == [b"gone"]
    assert causes(world) == [b"connection_lost"]
    world.time.advance(600)
    assert arrived(world) == [b"gone"], "once"


def test_a_stop_can_wait_until_every_will_is_in_a_lane_or_dropped(world: World) -> None:
    told: list[int] = []
    wills = world.frontend.wills
    wills.when_none_is_due(lambda: told.append(0))
    assert told == [0], "there was none"
    sensor(world, topic="lost/t", client_id="1")
    sensor(world, topic="lost/t", client_id="2")
    world.frontend.stop_reading()
    wills.when_none_is_due(lambda: told.append(world.pipeline.pending))
    template, done = world.gate.binding.pop()
    done(world.gate.bound(template))
    assert told == [0]
    world.gate.binding.pop()[1](Refusal(Reason.KAFKA_TOPIC_MISSING, "no such topic"))
    assert told == [0, 1], "by then the other one is pending"


def test_a_will_that_has_no_lane_when_the_adapter_stops_is_dropped_and_counted(world: World) -> None:
    sensor(world, topic="lost/t")
    world.frontend.stop_reading()
    world.frontend.wills.give_up()
    assert world.ledger.dropped[1] == {Reason.SHUTDOWN: 1}
    assert world.balanced()
    template, done = world.gate.binding.pop()
    done(world.gate.bound(template))
    assert arrived(world) == []
