"""The pipeline's promises, on virtual time and a Kafka that answers when the test says."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from adapter.counters import Ledger
from adapter.delivery.budget import Budget
from adapter.delivery.pipeline import Pipeline, PipelineConfig
from adapter.errors import (
    BlockedError,
    KafkaError,
    PartitionGoneError,
    ProducerLostError,
    RejectedError,
    TooLargeError,
    TransientKafkaError,
    UnknownOutcomeError,
)
from adapter.model import DeliveryStatus, RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.runs import RefusalRouting, Route, no_dead_letters
from tests.support import front_end
from tests.support.fakes import FakeKafka, FakeOwner, VirtualTime
from tests.support.packets import publish


class World:
    """A pipeline and everything around it."""

    def __init__(self, *, route_refused: RefusalRouting = no_dead_letters, **config: float) -> None:
        self.time = VirtualTime()
        self.kafka = FakeKafka()
        self.ledger = Ledger()
        self.budget = Budget(1_000_000)
        settings = {"max_batch_size": 100_000, "delivery_timeout": 60.0, **config}
        self.pipeline = Pipeline(
            PipelineConfig(**settings),
            self.kafka,
            self.time,
            self.budget,
            self.ledger,  # type: ignore[arg-type]
            route_refused=route_refused,
        )
        self.lane = self.pipeline.lane("plant", 0)

    def assert_nothing_left(self) -> None:
        assert self.ledger.pending == [0, 0, 0]
        assert self.budget.used == 0


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_read_in_one_turn_of_the_loop_shares_a_batch(world: World) -> None:
    one, two = FakeOwner(), FakeOwner()
    one.publish(world.lane, b"1", b"2")
    two.publish(world.lane, b"3")
    assert world.kafka.sent == []
    world.time.turn()
    assert [batch.count for batch in world.kafka.sent] == [3]


def test_a_run_has_no_outcome_before_kafka_answered(world: World) -> None:
    owner = FakeOwner()
    run = owner.publish(world.lane, b"1")
    world.time.advance(59)
    assert run.outcome is None
    assert owner.settled_calls == 0
    world.kafka.answer()
    assert run.outcome is not None
    assert run.outcome.status is DeliveryStatus.ACKNOWLEDGED
    assert owner.settled_calls == 1
    world.assert_nothing_left()


def test_while_a_batch_is_at_kafka_the_next_one_collects(world: World) -> None:
    owner = FakeOwner()
    owner.publish(world.lane, b"1")
    world.time.turn()
    for payload in (b"2", b"3", b"4"):
        owner.publish(world.lane, payload)
        world.time.turn()
    assert len(world.kafka.sent) == 1
    world.kafka.answer()
    assert [batch.count for batch in world.kafka.sent] == [1, 3]
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"1", b"2", b"3", b"4"]
    world.assert_nothing_left()


def test_a_batch_is_no_larger_than_allowed_and_runs_stay_whole(world: World) -> None:
    owner = FakeOwner()
    for _ in range(10):
        owner.publish(world.lane, b"x" * 30_000)
    world.time.turn()
    while world.kafka.waiting:
        assert world.kafka.answer().size <= 100_000
    assert len(world.kafka.sent) == 4
    world.assert_nothing_left()


def test_linger_waits_before_an_idle_lane_is_sent() -> None:
    world = World(linger=0.002)
    FakeOwner().publish(world.lane, b"1")
    world.time.advance(0.001)
    assert world.kafka.sent == []
    world.time.advance(0.001)
    assert len(world.kafka.sent) == 1


@pytest.mark.parametrize(
    ("error", "resubmitted"),
    [(TransientKafkaError("leader moved"), 0), (ProducerLostError("fenced"), 2), (UnknownOutcomeError("timed out"), 2)],
)
def test_records_that_kafka_may_have_already_are_counted_when_they_are_sent_again(
    world: World, error: KafkaError, resubmitted: int
) -> None:
    FakeOwner().publish(world.lane, b"1", b"2")
    world.time.turn()
    world.kafka.answer(error)
    world.time.advance(1)
    assert len(world.kafka.sent) == 2
    assert world.pipeline.counters.resubmitted == resubmitted


def test_what_an_operator_has_to_put_right_is_tried_less_often_and_holds_up_no_other_lane(world: World) -> None:
    owner = FakeOwner()
    owner.publish(world.lane, b"1")
    world.time.turn()
    world.kafka.answer(BlockedError("TOPIC_AUTHORIZATION_FAILED"))
    owner.publish(world.pipeline.lane("yard", 0), b"2")
    world.time.advance(0.9)
    assert [batch.topic for batch in world.kafka.sent] == ["plant", "yard"]
    world.kafka.answer()
    world.time.advance(0.2)
    assert [batch.topic for batch in world.kafka.sent] == ["plant", "yard", "plant"]
    world.kafka.answer()
    world.assert_nothing_left()


@pytest.mark.parametrize("error", [TransientKafkaError("leader moved"), ProducerLostError("fenced")])
def test_after_a_transient_failure_the_same_batch_comes_first(world: World, error: KafkaError) -> None:
    owner = FakeOwner()
    owner.publish(world.lane, b"1")
    world.time.turn()
    owner.publish(world.lane, b"2")
    world.kafka.answer(error)
    assert world.kafka.waiting == []
    world.time.advance(1)
    world.kafka.answer()
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"1", b"2"]
    assert world.pipeline.counters.retries == 1
    world.assert_nothing_left()


def test_lanes_do_not_wait_for_each_other(world: World) -> None:
    owner = FakeOwner()
    owner.publish(world.lane, b"stuck")
    owner.publish(world.pipeline.lane("plant", 1), b"free")
    world.time.turn()
    world.kafka.answer(at=1)
    assert world.kafka.log == {("plant", 1): [b"free"]}


def test_what_kafka_rejects_as_too_large_is_refused_as_too_large(world: World) -> None:
    FakeOwner(fails=False).publish(world.lane, b"1")
    world.time.turn()
    world.kafka.answer(TooLargeError("MESSAGE_SIZE_TOO_LARGE", 3000))
    assert world.ledger.refused[1] == {Reason.TOO_LARGE: 1}
    world.assert_nothing_left()


def test_only_the_culprit_of_a_rejected_batch_is_refused_and_the_order_is_kept(world: World) -> None:
    owners = [FakeOwner(fails=False) for _ in range(4)]
    runs = [
        owner.publish(world.lane, *(b"%d.%d" % (number, index) for index in range(5)))
        for number, owner in enumerate(owners)
    ]
    world.time.turn()
    for _ in range(100):
        if not world.kafka.waiting:
            break
        payloads = [payload for run in world.kafka.waiting[0][0].runs for payload in run.payloads]
        world.kafka.answer(RejectedError("too large") if b"2.3" in payloads else None)
    expected = [payload for run in runs for payload in run.payloads if payload != b"2.3"]
    assert world.kafka.log["plant", 0] == expected
    assert world.ledger.refused[1] == {Reason.REJECTED_BY_KAFKA: 1}
    assert world.ledger.acknowledged[1] == 19
    refused = [run for run in owners[2].runs if run.outcome and run.outcome.status is DeliveryStatus.REFUSED]
    assert [run.payloads for run in refused] == [[b"2.3"]]
    world.assert_nothing_left()


def test_a_rejected_qos_0_message_counts_as_dropped(world: World) -> None:
    FakeOwner().publish(world.lane, b"1", qos=0)
    world.time.turn()
    world.kafka.answer(RejectedError("too large"))
    assert world.ledger.dropped[0] == {Reason.REJECTED_BY_KAFKA: 1}
    assert world.ledger.refused[0] == {}
    world.assert_nothing_left()


def test_what_a_closing_connection_sent_behind_its_refused_message_does_not_land(world: World) -> None:
    failing, other = FakeOwner(fails=True), FakeOwner()
    failing.publish(world.lane, b"bad")
    world.time.turn()
    failing.publish(world.lane, b"behind")
    other.publish(world.lane, b"other")
    world.kafka.answer(RejectedError("no"))
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"other"]
    assert world.ledger.dropped[1] == {Reason.CONNECTION_FAILED: 1}
    world.assert_nothing_left()


def test_a_batch_that_kafka_never_answered_is_unknown_after_the_delivery_timeout(world: World) -> None:
    owner = FakeOwner()
    run = owner.publish(world.lane, b"1", b"2", arrived=world.time.now)
    world.time.advance(61)
    assert run.outcome is not None
    assert run.outcome.status is DeliveryStatus.UNKNOWN
    assert world.ledger.unknown == [0, 2, 0]
    assert world.budget.used > 0, "Kafka's client still holds the bytes"
    world.kafka.answer()
    assert world.ledger.acknowledged == [0, 0, 0], "the device was not told, and counts once"
    world.assert_nothing_left()


def test_what_still_waits_at_the_delivery_timeout_is_dropped_not_unknown(world: World) -> None:
    owner, patient = FakeOwner(), FakeOwner()
    owner.publish(world.lane, b"1", arrived=world.time.now)
    world.time.turn()
    owner.publish(world.lane, b"2", arrived=world.time.now)
    patient.publish(world.lane, b"3", arrived=world.time.now + 30)
    world.time.advance(61)
    assert world.ledger.unknown[1] == 1
    assert world.ledger.dropped[1] == {Reason.CONNECTION_FAILED: 1}
    assert world.ledger.pending[1] == 1
    world.kafka.answer()
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"1", b"3"]
    world.assert_nothing_left()


def test_who_waits_for_room_goes_on_when_everything_that_failed_has_its_outcome(world: World) -> None:
    owner = FakeOwner()
    runs = [owner.publish(world.lane, b"x" * 30_000, arrived=world.time.now) for _ in range(30)]
    without_outcome: list[int] = []

    class Waiter:
        def room_again(self) -> None:
            without_outcome.append(sum(run.outcome is None for run in runs))

    world.budget.wait(Waiter())
    world.time.advance(61)
    assert without_outcome == [0]


def test_nothing_passes_a_batch_that_was_given_up_on_but_is_still_at_kafka(world: World) -> None:
    FakeOwner().publish(world.lane, b"old", arrived=world.time.now)
    world.time.advance(61)
    FakeOwner().publish(world.lane, b"new", arrived=world.time.now)
    world.time.advance(1)
    assert len(world.kafka.waiting) == 1
    world.kafka.answer()
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"old", b"new"]


def test_a_given_up_batch_that_fails_later_is_not_sent_again(world: World) -> None:
    FakeOwner().publish(world.lane, b"old", arrived=world.time.now)
    world.time.advance(61)
    world.kafka.answer(TransientKafkaError("no"))
    world.time.advance(10)
    assert world.kafka.waiting == []
    world.assert_nothing_left()


def fail_until_given_up(world: World) -> None:
    """Every try fails, until something has waited for longer than the delivery timeout."""
    while not world.ledger.unknown[1]:
        if world.kafka.waiting:
            world.kafka.answer(TransientKafkaError("no"))
        world.time.advance(0.4)


def test_who_came_later_than_the_head_of_a_batch_that_is_tried_again_has_the_whole_delivery_timeout(
    world: World,
) -> None:
    old, young = FakeOwner(), FakeOwner()
    old.publish(world.lane, b"old", arrived=world.time.now)
    young.publish(world.lane, b"young", arrived=world.time.now + 50)
    world.time.turn()
    fail_until_given_up(world)
    assert (world.ledger.unknown[1], world.ledger.pending[1]) == (1, 1)
    while world.kafka.waiting or world.ledger.pending[1]:
        if world.kafka.waiting:
            world.kafka.answer()
        world.time.advance(0.4)
    assert world.kafka.log["plant", 0] == [b"young"]
    assert world.ledger.acknowledged[1] == 1
    world.assert_nothing_left()


def test_who_came_later_is_acknowledged_when_kafka_takes_the_batch_whose_head_was_given_up(world: World) -> None:
    old, young = FakeOwner(), FakeOwner()
    old.publish(world.lane, b"old", arrived=world.time.now)
    run = young.publish(world.lane, b"young", arrived=world.time.now + 50)
    world.time.advance(62)
    assert (world.ledger.unknown[1], world.ledger.pending[1]) == (1, 1)
    world.kafka.answer()
    assert run.outcome is not None
    assert run.outcome.status is DeliveryStatus.ACKNOWLEDGED
    assert (world.ledger.unknown[1], world.ledger.acknowledged[1]) == (1, 1)
    world.assert_nothing_left()


def test_a_batch_whose_head_was_given_up_at_kafka_is_sent_again_without_it(world: World) -> None:
    old, young = FakeOwner(), FakeOwner()
    old.publish(world.lane, b"old", arrived=world.time.now)
    young.publish(world.lane, b"young", arrived=world.time.now + 50)
    world.time.advance(62)
    world.kafka.answer(ProducerLostError("gone"))
    world.time.advance(1)
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"young"]
    world.assert_nothing_left()


def test_what_a_failed_connection_has_later_in_the_same_batch_may_have_landed_too(world: World) -> None:
    owner, other = FakeOwner(), FakeOwner()
    owner.publish(world.lane, b"1", arrived=world.time.now)
    other.publish(world.lane, b"other", arrived=world.time.now + 50)
    late = owner.publish(world.lane, b"2", arrived=world.time.now + 50)
    world.time.turn()
    waiting = owner.publish(world.lane, b"3", arrived=world.time.now + 50)
    fail_until_given_up(world)
    assert late.outcome is not None
    assert late.outcome.status is DeliveryStatus.UNKNOWN
    assert waiting.outcome is not None
    assert (waiting.outcome.status, waiting.outcome.reason) == (DeliveryStatus.DROPPED, Reason.CONNECTION_FAILED)
    assert world.ledger.pending[1] == 1, "of the other connection"


def test_a_partition_that_its_topic_has_no_more_is_given_up_at_once(world: World) -> None:
    emptied: list[str] = []
    FakeOwner().publish(world.lane, b"at kafka")
    world.time.turn()
    FakeOwner().publish(world.lane, b"waits")
    world.kafka.answer(PartitionGoneError("partition 0 of plant does not exist"))
    assert world.ledger.pending[1] == 2, "the metadata may be old"
    world.pipeline.retire("plant", lambda: emptied.append("plant"))
    world.time.advance(0.2)
    world.kafka.answer(PartitionGoneError("partition 0 of plant does not exist"))
    world.time.advance(0.2)
    assert emptied == ["plant"]
    assert world.ledger.unknown[1] == 1
    assert world.ledger.dropped[1] == {Reason.PARTITION_GONE: 1}
    world.assert_nothing_left()


@pytest.mark.parametrize("size", [2, 128, 1024])
def test_messages_that_wait_take_about_as_much_memory_as_the_budget_counts(size: int) -> None:
    world = front_end.World(budget=1 << 30, receive_maximum=1000)
    devices = [world.device(f"d{number}") for number in range(50)]
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(1, 101):
            for device in devices:
                device.send(publish("t", bytes(size), packet_id=number))
            world.time.turn()
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert world.ledger.pending[1] == 5000
    assert taken < 1.25 * world.budget.used


def test_a_batch_that_times_out_between_two_tries_leaves_the_lane(world: World) -> None:
    FakeOwner().publish(world.lane, b"old", arrived=world.time.now)
    world.time.turn()
    while world.ledger.pending[1]:
        if world.kafka.waiting:
            world.kafka.answer(TransientKafkaError("no"))
        world.time.advance(0.4)
    if world.kafka.waiting:
        world.kafka.answer(TransientKafkaError("no"))
    FakeOwner().publish(world.lane, b"new", arrived=world.time.now)
    world.time.advance(2)
    world.kafka.answer()
    assert world.kafka.log["plant", 0] == [b"new"]
    world.assert_nothing_left()


def test_drain_is_told_when_nothing_is_pending(world: World) -> None:
    told: list[str] = []
    FakeOwner().publish(world.lane, b"1")
    world.pipeline.when_idle(lambda: told.append("idle"))
    world.time.turn()
    assert told == []
    world.kafka.answer()
    assert told == ["idle"]
    world.pipeline.when_idle(lambda: told.append("at once"))
    assert told == ["idle", "at once"]


def test_giving_up_says_unknown_for_what_is_at_kafka_and_dropped_for_what_waits(world: World) -> None:
    one, two = FakeOwner(), FakeOwner()
    one.publish(world.lane, b"1")
    world.time.turn()
    two.publish(world.lane, b"2")
    told: list[str] = []
    world.pipeline.when_idle(lambda: told.append("idle"))
    world.pipeline.give_up()
    assert world.ledger.unknown[1] == 1
    assert world.ledger.dropped[1] == {Reason.SHUTDOWN: 1}
    assert world.pipeline.pending == 0
    assert told == ["idle"]


def test_a_retired_topic_is_empty_before_its_lanes_are_made_anew(world: World) -> None:
    told: list[str] = []
    FakeOwner().publish(world.lane, b"1")
    world.time.turn()
    world.pipeline.retire("plant", lambda: told.append("emptied"))
    assert world.lane.retired
    world.time.advance(5)
    assert told == []
    world.kafka.answer()
    world.time.advance(1)
    assert told == ["emptied"]
    assert world.pipeline.lane("plant", 0) is not world.lane


def test_the_retired_lanes_need_not_be_empty_at_the_same_time(world: World) -> None:
    """Dead letters cannot wait, so some lane of their topic may be busy at any time."""
    told: list[str] = []
    lanes = [world.pipeline.lane("plant", partition) for partition in range(2)]
    for lane in lanes:
        FakeOwner().publish(lane, b"1")
    world.time.turn()
    world.pipeline.retire("plant", lambda: told.append("emptied"))
    world.kafka.answer()
    world.time.advance(1)
    again = world.pipeline.lane("plant", 0)
    assert again is not lanes[0]
    assert world.pipeline.lane("plant", 1) is lanes[1]
    FakeOwner().publish(again, b"2")
    world.time.turn()
    world.kafka.answer()
    world.time.advance(1)
    assert told == ["emptied"]
    while world.kafka.waiting:
        world.kafka.answer()
    world.assert_nothing_left()


# -- dead letters ------------------------------------------------------------------------------------------------------


def dead_letter_world() -> World:
    """What Kafka rejects goes to the topic `letters`; what is refused there is refused."""

    def route_refused(template: RecordTemplate, refusal: Refusal) -> Route | Refusal:
        if template.refusal is not None:
            return Refusal(template.refusal.reason, f"{template.refusal.text} and {refusal.text}")
        letter = RecordTemplate("letters", b"device", (("why", refusal.text.encode()),), "test", refusal=refusal)
        return Route(letter, world.pipeline.lane("letters", 0), ack_on_receipt=False)

    world = World(route_refused=route_refused)
    return world


def test_the_culprit_of_a_batch_goes_on_as_a_dead_letter_and_waits_for_its_own_acknowledgement() -> None:
    world = dead_letter_world()
    owner = FakeOwner()
    run = owner.publish(world.lane, b"1", b"bad", b"3")
    world.time.turn()
    while ("letters", 0) not in {(batch.topic, batch.partition) for batch, _ in world.kafka.waiting}:
        payloads = [payload for run in world.kafka.waiting[0][0].runs for payload in run.payloads]
        world.kafka.answer(RejectedError("no") if b"bad" in payloads else None)
        world.time.turn()
    letter = next(run for run in owner.runs if run.payloads == [b"bad"])
    assert letter.outcome is None
    assert world.ledger.pending[1] == sum(len(run.payloads) for run in owner.runs if run.outcome is None)
    assert letter.size == 3 + letter.route.overhead
    assert letter.route.template.headers == (("why", b"no"),)
    assert (letter.arrived_ms, letter.packet_ids) == (run.arrived_ms, [b"\0\2"])
    while world.kafka.waiting:
        world.kafka.answer()
    assert world.kafka.log == {("plant", 0): [b"1", b"3"], ("letters", 0): [b"bad"]}
    assert world.ledger.acknowledged[1] == 3
    assert owner.pending_bytes == 0
    world.assert_nothing_left()


def test_a_dead_letter_that_is_rejected_too_is_refused_once_and_for_its_first_reason() -> None:
    world = dead_letter_world()
    owner = FakeOwner(fails=False)
    run = owner.publish(world.lane, b"bad")
    world.time.turn()
    world.kafka.answer(RejectedError("no"))
    world.time.turn()
    world.kafka.answer(RejectedError("never"))
    world.time.turn()
    assert run.outcome is not None
    assert (run.outcome.status, run.outcome.text) == (DeliveryStatus.REFUSED, "no and never")
    assert world.kafka.waiting == []
    assert world.ledger.refused[1] == {Reason.REJECTED_BY_KAFKA: 1}
    world.assert_nothing_left()


def test_dead_letters_of_a_device_are_in_order() -> None:
    world = dead_letter_world()
    owner = FakeOwner()
    for number in range(5):
        owner.publish(world.lane, b"%d" % number, qos=number % 2)
    world.time.turn()
    for _ in range(100):
        if not world.kafka.waiting:
            break
        at_letters = world.kafka.waiting[0][0].topic == "letters"
        world.kafka.answer(None if at_letters else RejectedError("no"))
        world.time.turn()
    assert world.kafka.log == {("letters", 0): [b"0", b"1", b"2", b"3", b"4"]}
    assert world.ledger.acknowledged == [3, 2, 0]
    world.assert_nothing_left()


def test_a_drain_waits_for_dead_letters() -> None:
    world = dead_letter_world()
    told: list[str] = []
    FakeOwner().publish(world.lane, b"bad")
    world.pipeline.when_idle(lambda: told.append("idle"))
    world.time.turn()
    world.kafka.answer(RejectedError("no"))
    world.time.turn()
    assert told == []
    world.kafka.answer()
    assert told == ["idle"]


def test_a_dead_letter_has_a_delivery_timeout_of_its_own() -> None:
    world = dead_letter_world()
    run = FakeOwner().publish(world.lane, b"bad", arrived=world.time.now)
    world.time.advance(50)
    world.kafka.answer(RejectedError("no"))
    world.time.advance(50)
    assert run.outcome is None
    world.time.advance(15)
    assert run.outcome is not None
    assert run.outcome.status is DeliveryStatus.UNKNOWN


# -- the largest batch of a topic --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False], ids=["known before", "known later"])
def test_no_batch_is_larger_than_its_topic_takes_and_order_is_kept(before: bool) -> None:  # noqa: FBT001 - a case
    world = World()
    if before:
        world.pipeline.limit("limited", 1000)
    lane = world.pipeline.lane("limited", 0)
    world.pipeline.limit("limited", 1000)
    owner = FakeOwner()
    payloads = [b"%03d" % number + b"." * 100 for number in range(40)]
    for number in range(0, 40, 20):
        owner.publish(lane, *payloads[number : number + 20])
    world.time.turn()
    while world.kafka.waiting:
        assert world.kafka.answer().size <= 1000
    assert world.kafka.log == {("limited", 0): payloads}
    assert world.ledger.acknowledged[1] == 40
    world.assert_nothing_left()


def test_a_record_larger_than_its_topics_limit_is_a_batch_of_its_own() -> None:
    """The limit is one of estimates: whether Kafka takes the record is for the producer to say."""
    world = World()
    world.pipeline.limit("plant", 1000)
    FakeOwner().publish(world.lane, b"1", b"x" * 5000, b"3")
    world.time.turn()
    while world.kafka.waiting:
        assert world.kafka.answer().count == 1
    assert world.kafka.log == {("plant", 0): [b"1", b"x" * 5000, b"3"]}
    world.assert_nothing_left()


@pytest.mark.parametrize("error", [None, RejectedError("no")], ids=["acknowledged", "refused"])
def test_an_owner_that_fails_while_it_is_told_is_abandoned_and_the_others_are_told(
    world: World, error: KafkaError | None
) -> None:
    broken, good = FakeOwner(), FakeOwner()
    broken.fault = RuntimeError("no")
    broken.publish(world.lane, b"1")
    good.publish(world.lane, b"2")
    world.time.turn()
    while world.kafka.waiting:
        world.kafka.answer(error)
        world.time.turn()
    assert broken.abandoned == [broken.fault]
    assert good.settled_calls == 1
    assert good.abandoned == []
    world.assert_nothing_left()
