"""Deliberate bugs: each takes one thing away that a promise rests on. The simulation has to notice every one of them.

A mutation replaces methods of the real classes while it is switched on. `within` is how many seeds may be needed,
from 0 on. Where that would be too many, `history` names a plan in `histories/`: as small as such a history gets.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapter.delivery.budget import Budget
from adapter.delivery.lane import EMPTY, Lane, LaneState
from adapter.delivery.pipeline import Pipeline
from adapter.errors import KafkaError, ProducerLostError, UnknownOutcomeError
from adapter.kafka.generation import Generation
from adapter.kafka.producer import Producer
from adapter.model import ACKNOWLEDGED, DeliveryStatus, Outcome
from adapter.mqtt.ack_window import AckWindow
from adapter.mqtt.answers import QOS_BITS, Answers
from adapter.mqtt.exactly_once import Exchanges
from adapter.mqtt.framing import packet_size
from adapter.mqtt.kept_sessions import KeptSessions
from adapter.mqtt.pause import Pause
from adapter.mqtt.publish_flow import PublishFlow
from adapter.mqtt.receive_buffer import ReceiveBuffer
from adapter.mqtt.returning import Earlier, Joined
from adapter.mqtt.session import Session
from adapter.runs import Batch, Run
from adapter.service import Drained, Service

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Make = Callable[[Any], Any]  # from what is there to what is put in its place


@dataclass(frozen=True)
class Mutation:
    """`name` says what the adapter does then; `breaks` which promise (README, "What it guarantees")."""

    name: str
    breaks: str
    within: int
    places: tuple[tuple[type, str, Make], ...]
    history: str = ""


@contextmanager
def switched_on(mutation: Mutation) -> Iterator[None]:
    """The adapter has this bug meanwhile."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in mutation.places]
    try:
        for (owner, name, make), (_, _, original) in zip(mutation.places, before, strict=True):
            setattr(owner, name, make(original))
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)


def _instead(replacement: Any) -> Make:
    return lambda _: replacement


# -- PUBACK ----------------------------------------------------------------------------------------------------------


def _acknowledges_what_is_sent(original: Any) -> Any:
    def send(self: Pipeline, lane: Lane, batch: Batch) -> None:
        original(self, lane, batch)
        self._settle(batch.runs, ACKNOWLEDGED)

    return send


def _takes_what_is_settled_anywhere(self: AckWindow) -> list[Any]:
    settled = [entry for entry in self._entries if entry.outcome is not None]
    self._entries = [entry for entry in self._entries if entry.outcome is None]
    self.unacknowledged -= sum(len(entry.packet_ids) for entry in settled)
    self._index = None
    return settled


def _acknowledges_a_repeat_at_once(original: Any) -> Any:
    def join_in(self: Answers, origin: Answers, packet_id: bytes, qos: int) -> Joined:
        joined: Joined = original(self, origin, packet_id, qos)
        joined.outcome = ACKNOWLEDGED
        self.answers_ready = True
        return joined

    return join_in


def _takes_a_lost_batch_for_written(original: Any) -> Any:
    async def write(self: Generation, topic: str, partition: int, builder: Any, size: int) -> int:
        try:
            return int(await original(self, topic, partition, builder, size))
        except (ProducerLostError, UnknownOutcomeError):
            return -1

    return write


def _acknowledges_at_the_timeout(original: Any) -> Any:
    def expire(self: Pipeline, lane: Lane, before: float, _: Outcome, waiting: Outcome) -> None:
        original(self, lane, before, ACKNOWLEDGED, waiting)

    return expire


def _acknowledges_refusals(level: int) -> Make:
    def make(original: Any) -> Any:
        def fail(self: Pipeline, lane: Lane, runs: list[Run], outcome: Outcome, rest: Iterable[Run] = ()) -> None:
            owner: Any = runs[0].owner
            refused = outcome.status is DeliveryStatus.REFUSED and owner._session.level == level
            original(self, lane, runs, ACKNOWLEDGED if refused else outcome, rest)

        return fail

    return make


# -- order -----------------------------------------------------------------------------------------------------------


def _retries_behind(self: Pipeline, lane: Lane, _: float = 0.0) -> None:
    assert lane.batch is not None
    lane.queue.extend(lane.batch.runs)
    lane.batch = None
    lane.state = LaneState.BACKING_OFF
    self._timers.call_later(self._config.retry_backoff, self._send_next, lane)


def _puts_qos_0_in_front(self: Lane, run: Run) -> None:
    self._pending[run.qos] += len(run.payloads)
    self._budget.charge(run.owner, run.held)
    if run.qos:
        self.queue.append(run)
    else:
        self.queue.appendleft(run)
    if self.state is EMPTY:
        self.state = LaneState.WAITING
        self._host.wake(self)


def _retires_at_once(self: Pipeline, topic: str, callback: Callable[[], None]) -> None:
    for lane in self._lanes.values():
        if lane.topic == topic:
            lane.retired = True
    callback()


class _Forgetful(dict[Any, Any]):
    def __delitem__(self, key: Any) -> None:
        self.pop(key, None)


def _lets_go_of_what_was_given_up(original: Any) -> Any:
    def expire(self: Pipeline, lane: Lane, *args: Any) -> None:
        original(self, lane, *args)
        batch = lane.batch
        if lane.state is LaneState.IN_FLIGHT and batch is not None and batch.runs[0].outcome is not None:
            producer: Any = self._producer
            producer._flights = _Forgetful(producer._flights)
            producer._flights.pop((lane.topic, lane.partition), None)
            producer._parked.pop((lane.topic, lane.partition), None)
            lane.finish_batch()
            self.budget.release(batch.held)
            self._send_next(lane)

    return expire


def _hears_only_of_its_own_batch(original: Any) -> Any:
    def answered(self: Pipeline, batch: Batch, error: KafkaError | None) -> None:
        lane = self._lanes.get((batch.topic, batch.partition))
        if lane is not None and lane.batch is batch:
            original(self, batch, error)

    return answered


# -- nothing is lost, nothing twice ------------------------------------------------------------------------------------


def _drops_what_is_parked(original: Any) -> Any:
    def retire(self: Producer, generation: Generation) -> None:
        self._parked = {}
        original(self, generation)

    return retire


def _goes_on_in_a_spent_partition(self: Generation, _: Any) -> bool:
    return not self.dead


def _forgets_a_run_of_a_cut_batch(original: Any) -> Any:
    def cut(self: Lane) -> Run | None:
        assert self.batch is not None
        if len(self.batch.runs) > 1:
            self.batch.runs.pop()
        culprit: Run | None = original(self)
        return culprit

    return cut


def _sends_a_part_of_a_cut_batch_twice(original: Any) -> Any:
    def cut(self: Lane) -> Run | None:
        culprit: Run | None = original(self)
        if culprit is None:
            self.queue.insert(1, self.queue[0])
        return culprit

    return cut


def _drops_the_pending_of_the_old_connection(original: Any) -> Any:
    def close(self: Session, cause: str) -> None:
        if cause == "taken_over" and self._flow is not None:
            for entry in self._flow.window:
                lane: Any = entry.route.lane if isinstance(entry, Run) else None
                if lane is not None and entry in lane.queue:
                    lane.queue.remove(entry)
        original(self, cause)

    return close


async def _does_not_drain(self: Service) -> Drained:
    if self._pipeline is not None:
        self._pipeline.give_up()
    return Drained(0, 0)


# -- QoS 2 -----------------------------------------------------------------------------------------------------------


def _keeps_sessions_without_their_exchanges(original: Any) -> Any:
    def keep(self: KeptSessions, identity: Any, seconds: int, _: Any) -> None:
        original(self, identity, seconds, None)

    return keep


def _releases_nothing(self: Exchanges, packet_id: bytes) -> bool:
    return packet_id in self.owners


def _releases_one_by_one(_: Exchanges, __: bytes, pos: int, ___: int) -> int:
    return pos


def _says_pubrec_at_once(original: Any) -> Any:
    def begins(self: Answers, first: int, packet_id: bytes) -> bool:
        new: bool = original(self, first, packet_id)
        assert self.exchanges is not None
        if new:
            self.exchanges.owners[packet_id] = None
            self._answer_repeated(packet_id)
        return new

    return begins


def _frees_an_identifier_with_another_message(original: Any) -> Any:
    def take(self: PublishFlow, data: bytes, pos: int, end: int) -> int:
        after: int = original(self, data, pos, end)
        waits = after < end and not data[after] & QOS_BITS and self._session.pauses & Pause.LOOKUP
        if waits and self.exchanges is not None:
            mine = [packet_id for packet_id, owner in self.exchanges.owners.items() if owner is self]
            for packet_id in mine[-1:]:
                del self.exchanges.owners[packet_id]
        return after

    return take


# -- counting, limits, closing -----------------------------------------------------------------------------------------


def _forgets_that_it_owes_repeats(original: Any) -> Any:
    def release(self: Answers, packet_id: bytes) -> bool:
        self._repeats = None
        return original(self, packet_id)  # type: ignore[no-any-return]

    return release


def _counts_twice(original: Any) -> Any:
    def settle(self: Pipeline, runs: Any, outcome: Outcome) -> None:
        runs = list(runs)
        original(self, runs, outcome)
        self.ledger.acknowledged[1] += outcome is ACKNOWLEDGED and len(runs) > 1

    return settle


def _gives_no_room_back(_: Budget, __: int) -> None:
    pass


def _wakes_nobody(self: Budget, size: int) -> None:
    self.used -= size


def _pauses_only(self: Session, _: Outcome) -> None:
    self.pause(Pause.FAILED)


def _measures_what_is_not_to_be_taken_yet(original: Any) -> Any:
    def init(self: ReceiveBuffer, data: bytes, read_at: float) -> None:
        packet_size(data)
        original(self, data, read_at)

    return init


def _never(*_: Any) -> bool:
    return False


def _those_that_joined(_: Earlier, flow: Answers) -> list[Answers]:
    return list(flow.joined_by)


def _nothing(*_: Any) -> list[Any]:
    return []


DURABLE = "a PUBACK means that all in-sync replicas have the record"
ORDER = "first occurrences are in the order of publishing"
IN_TURN = "PUBACKs leave in the order of the PUBLISH packets"
BOUNDED = "memory is bounded"
LEDGER = "every message is accounted for"
ANSWERED = "who keeps trying is answered"

MUTATIONS = (
    Mutation("acknowledges what is sent", DURABLE, 5, ((Pipeline, "_send", _acknowledges_what_is_sent),)),
    Mutation("acknowledges before an earlier one", IN_TURN, 10,
             ((AckWindow, "take_settled", _instead(_takes_what_is_settled_anywhere)),)),
    Mutation("takes a lost batch for written", DURABLE, 10, ((Generation, "write", _takes_a_lost_batch_for_written),)),
    Mutation("acknowledges a repeat before its first coming has landed", DURABLE, 5,
             ((Answers, "_join_in", _acknowledges_a_repeat_at_once),)),
    Mutation("acknowledges at the delivery timeout", DURABLE, 60,
             ((Pipeline, "_give_up_overdue", _acknowledges_at_the_timeout),)),
    Mutation("acknowledges in 3.1.1 what Kafka has refused", DURABLE, 40,
             ((Pipeline, "_fail", _acknowledges_refusals(4)),)),
    Mutation("acknowledges in 5.0 what Kafka has refused", DURABLE, 10,
             ((Pipeline, "_fail", _acknowledges_refusals(5)),)),
    Mutation("goes on to acknowledge after a message that failed", IN_TURN, 1,
             ((Answers, "_failed", _instead(property(_never, lambda *_: None))),),
             history="acknowledged_after_a_failure"),
    Mutation("sends a failed batch again behind the next one", ORDER, 20,
             ((Pipeline, "_back_off", _instead(_retries_behind)),)),
    Mutation("lets QoS 0 overtake QoS 1", ORDER, 10, ((Lane, "put", _instead(_puts_qos_0_in_front)),)),
    Mutation("uses a new partition count at once", ORDER, 1,
             ((Pipeline, "retire", _instead(_retires_at_once)),), history="new_count_at_once"),
    Mutation("lets the next batch pass one that was given up", ORDER, 80,
             ((Pipeline, "_give_up_overdue", _lets_go_of_what_was_given_up),
              (Pipeline, "_answered", _hears_only_of_its_own_batch))),
    Mutation("does not withdraw what stands behind a failure", ORDER, 60, ((Lane, "withdraw", _instead(_nothing)),)),
    Mutation("does not withdraw what connections in between have sent", ORDER, 1,
             ((Earlier, "successors", _instead(_those_that_joined)),), history="connection_in_between"),
    Mutation("loses a batch when the producer is replaced", ANSWERED, 10,
             ((Producer, "_retire", _drops_what_is_parked),)),
    Mutation("goes on with a producer whose sequence is spent", ANSWERED, 10,
             ((Generation, "goes_on", _instead(_goes_on_in_a_spent_partition)),)),
    Mutation("forgets a run when a batch is cut", LEDGER, 10, ((Lane, "cut_batch", _forgets_a_run_of_a_cut_batch),)),
    Mutation("writes a part of a cut batch twice", "what was sent once is there once", 10,
             ((Lane, "cut_batch", _sends_a_part_of_a_cut_batch_twice),)),
    Mutation("keeps a session without its exchanges of QoS 2", "a QoS 2 message makes one record", 40,
             ((KeptSessions, "keep", _keeps_sessions_without_their_exchanges),)),
    Mutation("says PUBREC to a repeat after its PUBCOMP", DURABLE, 1,
             ((Answers, "release", _forgets_that_it_owes_repeats),), history="pubrec_after_pubcomp"),
    Mutation("does not free a packet identifier at its PUBREL", DURABLE, 10,
             ((Exchanges, "release", _instead(_releases_nothing)),
              (Exchanges, "release_all", _instead(_releases_one_by_one)))),
    Mutation("frees an identifier with another message", "a QoS 2 message makes one record", 1,
             ((PublishFlow, "take", _frees_an_identifier_with_another_message),),
             history="identifier_freed_by_another"),
    Mutation("says PUBREC at once", DURABLE, 10, ((Answers, "_claim_packet_id", _says_pubrec_at_once),)),
    Mutation("drops what is pending at a takeover", LEDGER, 10,
             ((Session, "_close", _drops_the_pending_of_the_old_connection),)),
    Mutation("skips the drain", "SIGTERM: what is pending is flushed", 1,
             ((Service, "_drain", _instead(_does_not_drain)),), history="no_drain"),
    Mutation("counts an acknowledgement twice", LEDGER, 5, ((Pipeline, "_settle", _counts_twice),)),
    Mutation("gives no room in the budget back", BOUNDED, 5, ((Budget, "release", _instead(_gives_no_room_back)),)),
    Mutation("wakes nobody who waits for room", ANSWERED, 20, ((Budget, "release", _instead(_wakes_nobody)),)),
    Mutation("reads on when the budget is used up", BOUNDED, 100, ((Budget, "must_wait", _instead(_never)),)),
    Mutation("fails at a malformed packet before its turn", "a malformed packet closes its connection, no other", 20,
             ((ReceiveBuffer, "__init__", _measures_what_is_not_to_be_taken_yet),)),
    Mutation("leaves a failed connection open", "a failed message closes its connection", 20,
             ((Session, "fail", _instead(_pauses_only)),)),
)  # fmt: skip
