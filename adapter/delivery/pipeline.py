"""All lanes together: group commit, outcomes, retries, the delivery timeout, drain. No I/O; the clock is passed in.

The way down: `Lane.put` → `wake` → (end of the loop's turn, or `linger`) → `_flush` → `Producer.send`.
The way back: `_answered`, once per batch → the outcome of its runs → `Owner.settled`, once per connection.

How failures are handled:
    transient            the same batch is sent again after a pause, before anything behind it
    producer lost        the same; its records may be in Kafka, so they may come twice, but never out of order
    rejected             the batch is cut until the culprit is alone; it is refused, or becomes a dead letter in another
                         lane; the other records are delivered
    partition gone       the topic was recreated with fewer partitions: given up at once, as after the delivery timeout
    delivery timeout     at Kafka: unknown; still waiting: dropped. Later messages of the failed connection in the lane
                         are dropped, too: the device sends all of them again, and m2 must not land before m1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.counters import DeliveryCounters, Ledger
from adapter.delivery.expiry import ExpiringSink, drop_expired
from adapter.delivery.lane import Lane, LaneState, tell
from adapter.errors import (
    BlockedError,
    KafkaError,
    PartitionGoneError,
    ProducerLostError,
    RejectedError,
    TooLargeError,
    UnknownOutcomeError,
)
from adapter.model import ACKNOWLEDGED, DeliveryStatus, Outcome, Refusal
from adapter.reasons import Reason
from adapter.runs import RUN_MEMORY, Batch, Owner, RefusalRouting, Route, Run, no_dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from adapter.delivery.budget import Budget
    from adapter.delivery.ports import Producer, Timers

_UNKNOWN, _DROPPED = DeliveryStatus.UNKNOWN, DeliveryStatus.DROPPED
UNKNOWN_AFTER_TIMEOUT = Outcome(_UNKNOWN, Reason.TIMEOUT, "Kafka did not answer within the delivery timeout")
WAITED_TOO_LONG = Outcome(_DROPPED, Reason.TIMEOUT, "Kafka could not be written to within the delivery timeout")
BEHIND_A_FAILURE = Outcome(_DROPPED, Reason.CONNECTION_FAILED, "an earlier message of the connection failed")
UNKNOWN_IN_GONE_PARTITION = Outcome(_UNKNOWN, Reason.PARTITION_GONE, "the topic has fewer partitions now")
PARTITION_GONE = Outcome(_DROPPED, Reason.PARTITION_GONE, "the topic has fewer partitions now")
UNKNOWN_AT_SHUTDOWN = Outcome(_UNKNOWN, Reason.SHUTDOWN, "the adapter stopped before Kafka answered")
DROPPED_AT_SHUTDOWN = Outcome(_DROPPED, Reason.SHUTDOWN, "the adapter stopped before the message was sent")


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Times in seconds, sizes in bytes before compression."""

    max_batch_size: int
    delivery_timeout: float
    linger: float = 0.0
    retry_backoff: float = 0.1
    retry_backoff_max: float = 0.5
    blocked_backoff: float = 1.0  # each try costs a producer; devices shall hear within 3 s that it goes on again


class Pipeline:
    """Owns every lane; see the module's docstring."""

    def __init__(  # noqa: PLR0913 - what the lanes share; created once
        self,
        config: PipelineConfig,
        producer: Producer,
        timers: Timers,
        budget: Budget,
        ledger: Ledger,
        *,
        route_refused: RefusalRouting = no_dead_letters,
        receipts_wanted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._producer = producer
        self._timers = timers
        self._route_refused = route_refused
        self._receipts_wanted = receipts_wanted
        self.budget = budget
        self.ledger = ledger
        self.counters = DeliveryCounters()
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._limits: dict[str, int] = {}
        self._awake: list[Lane] = []
        self._flush_scheduled = False
        self._tick_scheduled = False
        self._when_idle: list[Callable[[], None]] = []

    # -- the way down ------------------------------------------------------------------------------------------

    def lane(self, topic: str, partition: int) -> Lane:
        """Return the lane of a partition, created on first use."""
        key = (topic, partition)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(topic, partition, self, self._max_batch_size(topic))
        return lane

    def expiring_lane(self, topic: str, partition: int) -> ExpiringSink:
        """Return the same lane for messages that may expire."""
        return ExpiringSink(self.lane(topic, partition))

    def limit(self, topic: str, size: int) -> None:
        """Limit batches of this topic to `size` bytes of records, because Kafka accepts no larger ones."""
        self._limits[topic] = size
        for lane in self._lanes.values():
            if lane.topic == topic:
                lane.max_batch_size = self._max_batch_size(topic)

    def _max_batch_size(self, topic: str) -> int:
        size = self._config.max_batch_size
        return min(size, self._limits.get(topic, size))

    def wake(self, lane: Lane) -> None:
        """Send soon what an idle lane has got."""
        self._awake.append(lane)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            # An idle lane is flushed after every socket that is ready now has been read, so that they share the batch.
            if self._config.linger:
                self._timers.call_later(self._config.linger, self._flush)
            else:
                self._timers.call_soon(self._flush)
        if not self._tick_scheduled:
            self._schedule_tick()

    def _flush(self) -> None:
        self._flush_scheduled = False
        lanes, self._awake = self._awake, []
        for lane in lanes:
            if lane.state is LaneState.WAITING:
                self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        if lane.expiring:
            drop_expired(lane, self, self._timers.time())
        if lane.queue:
            self._send(lane, lane.next_batch())
        else:
            lane.state = LaneState.EMPTY

    def _send(self, lane: Lane, batch: Batch) -> None:
        lane.state = LaneState.IN_FLIGHT
        batch.sent = self._timers.time()
        self.counters.batches_sent += 1
        self.counters.batch_bytes += batch.size
        self.counters.batch_records.observe(batch.count)
        self._producer.send(batch, self._answered)

    # -- the way back ------------------------------------------------------------------------------------------

    def _answered(self, batch: Batch, error: KafkaError | None) -> None:
        lane = self._lanes[batch.topic, batch.partition]
        assert lane.batch is batch, "one batch a lane"
        self.counters.kafka_seconds.observe(self._timers.time() - batch.sent)
        if error is None:
            self._acknowledged(lane, batch)
        else:
            self.counters.batches_failed += 1
            given_up = batch.strip()  # while it was at Kafka
            if not batch.runs:
                lane.finish_batch()
            elif isinstance(error, PartitionGoneError) and lane.retired:
                self._back_off(lane)
                self._give_up_overdue(lane, float("inf"), UNKNOWN_IN_GONE_PARTITION, PARTITION_GONE)
            elif isinstance(error, RejectedError):
                culprit = lane.cut_batch()
                if culprit is not None:
                    reason = Reason.TOO_LARGE if isinstance(error, TooLargeError) else Reason.REJECTED_BY_KAFKA
                    self._refuse(lane, culprit, Refusal(reason, str(error)))
            else:
                if isinstance(error, (ProducerLostError, UnknownOutcomeError)):
                    self.counters.resubmitted += batch.count
                self._back_off(lane, self._config.blocked_backoff if isinstance(error, BlockedError) else 0.0)
            if given_up:
                self.budget.release(given_up)
        if lane.state is LaneState.WAITING:
            self._send_next(lane)
        if self._when_idle:
            self._announce_idle()

    def _acknowledged(self, lane: Lane, batch: Batch) -> None:
        """Kafka has the batch. Give it the next one to work on before telling the devices about this one."""
        lane.finish_batch()
        if lane.queue:
            self._send_next(lane)
        if self._receipts_wanted():
            _report_metadata(batch)
        self._settle(batch.runs, ACKNOWLEDGED)
        self.budget.release(batch.held)

    def _back_off(self, lane: Lane, at_least: float = 0.0) -> None:
        delay = lane.backoff or self._config.retry_backoff
        lane.backoff = min(delay * 2, self._config.retry_backoff_max)
        lane.state = LaneState.BACKING_OFF
        self._timers.call_later(max(delay, at_least), self._retry, lane, lane.batch)

    def _retry(self, lane: Lane, batch: Batch) -> None:
        if lane.batch is batch and lane.state is LaneState.BACKING_OFF:
            self.counters.retries += 1
            self._send(lane, batch)

    def _settle(self, runs: Iterable[Run], outcome: Outcome) -> None:
        """Give runs their outcome, and tell each connection once. Runs that were given up on keep that outcome."""
        ledger = self.ledger
        budget = self.budget
        touched: dict[Owner, None] = {}
        for run in runs:
            if run.outcome is not None:
                continue
            run.outcome = outcome
            qos = run.qos
            count = len(run.payloads)
            ledger.pending[qos] -= count
            if outcome is ACKNOWLEDGED:
                ledger.acknowledged[qos] += count
            elif outcome.status is DeliveryStatus.UNKNOWN:
                ledger.unknown[qos] += count
            else:
                assert outcome.reason is not None
                # A QoS 0 message is never answered, so it cannot be refused: its sender loses it either way.
                refused = outcome.status is DeliveryStatus.REFUSED and qos > 0
                (ledger.refused if refused else ledger.dropped)[qos][outcome.reason] += count
            owner = run.owner
            budget.credit(owner, run.size + RUN_MEMORY)
            touched[owner] = None
        tell(touched)

    def _fail(self, lane: Lane, runs: list[Run], outcome: Outcome, rest: Iterable[Run] = ()) -> None:
        """Settle runs that Kafka does not have, and withdraw what their failed connections have behind them.

        `rest` are the runs behind them in the same batch: those of the failed connections may have landed as well, so
        they share the outcome. The budget is released last: that lets waiting connections continue at once, and a
        device's next message must not join one that is failing here.
        """
        failed: dict[Owner, None] = {}  # in order
        for run in runs:
            owner = run.owner
            if run.packet_ids and owner.fail_connection(outcome, run.packet_ids) and owner not in failed:
                failed |= dict.fromkeys((owner, *owner.successors))
        behind = [run for run in rest if run.owner in failed]
        withdrawn = lane.withdraw(failed)
        for late, why in ((behind, outcome), (withdrawn, BEHIND_A_FAILURE)):
            for run in late:
                if run.packet_ids:
                    run.owner.fail_connection(why, run.packet_ids)
        self._settle(withdrawn, BEHIND_A_FAILURE)
        self._settle([*runs, *behind], outcome)
        if lane.state is LaneState.WAITING and not lane.queue:
            lane.state = LaneState.EMPTY
        if withdrawn:
            self.budget.release(sum(run.held for run in withdrawn))

    def _refuse(self, lane: Lane, run: Run, refusal: Refusal) -> None:
        """Refuse a message that its topic will never accept, or make it a dead letter. It has left its lane."""
        routed = self._route_refused(run.route.template, refusal)
        if isinstance(routed, Refusal):
            self._fail(lane, [run], Outcome(DeliveryStatus.REFUSED, routed.reason, routed.text))
            self.budget.release(run.held)
        else:
            self._divert(run, routed)

    def _divert(self, run: Run, route: Route) -> None:
        """Move a run to another lane. It keeps its place in the window, so PUBACKs stay in order."""
        held = run.held
        run.redirect(route)
        # It goes to the end of that lane, and `Lane.overdue` needs the queue in order of arrival.
        run.arrived = self._timers.time()
        route.lane.put(run)
        # `put` counted it once more.
        self.ledger.pending[run.qos] -= len(run.payloads)
        self.budget.credit(run.owner, held)
        self.budget.release(held)

    # -- overflow --------------------------------------------------------------------------------------------------

    @property
    def lanes(self) -> Iterable[Lane]:
        """All lanes."""
        return self._lanes.values()

    def drop(self, lane: Lane, runs: Collection[Run], outcome: Outcome) -> None:
        """Drop waiting runs of a lane. The caller reduces the budget's `used`."""
        lane.drop(runs)
        self._settle(runs, outcome)

    # -- time --------------------------------------------------------------------------------------------------

    def _schedule_tick(self) -> None:
        self._tick_scheduled = True
        self._timers.call_later(min(0.5, self._config.delivery_timeout / 4), self._tick)

    def _tick(self) -> None:
        self._tick_scheduled = False
        arrived_before = self._timers.time() - self._config.delivery_timeout
        for lane in self._busy_lanes():
            if lane.expiring:
                drop_expired(lane, self, self._timers.time())
            self._give_up_overdue(lane, arrived_before, UNKNOWN_AFTER_TIMEOUT, WAITED_TOO_LONG)
        if any(True for _ in self._busy_lanes()):
            self._schedule_tick()
        self._announce_idle()

    def _give_up_overdue(self, lane: Lane, arrived_before: float, at_kafka: Outcome, waiting: Outcome) -> None:
        """Give up on the runs that arrived no later than `arrived_before`, and on no others.

        A batch at Kafka stays in the lane until the producer answers, because later ones must not overtake it. A batch
        that is retried continues without the runs that were given up.
        """
        batch = lane.batch
        if batch is not None and batch.runs[0].arrived <= arrived_before:
            pending = [run for run in batch.runs if run.outcome is None]
            overdue = [run for run in pending if run.arrived <= arrived_before]
            if overdue:
                self._fail(lane, overdue, at_kafka, pending[len(overdue) :])
            if lane.state is LaneState.BACKING_OFF:
                given_up = batch.strip()
                if not batch.runs:
                    lane.finish_batch()
                if given_up:
                    self.budget.release(given_up)
        overdue = lane.overdue(arrived_before)
        if overdue:
            self._fail(lane, overdue, waiting)
            self.budget.release(sum(run.held for run in overdue))
        if lane.state is LaneState.WAITING:
            self._send_next(lane)

    def _busy_lanes(self) -> Iterator[Lane]:
        return (lane for lane in list(self._lanes.values()) if lane.state is not LaneState.EMPTY)

    # -- the end -----------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Messages without an outcome, of every QoS."""
        return sum(self.ledger.pending)

    def when_idle(self, callback: Callable[[], None]) -> None:
        """Call back once, as soon as nothing is pending, which may be immediately."""
        self._when_idle.append(callback)
        self._announce_idle()

    def _announce_idle(self) -> None:
        if self._when_idle and not self.pending:
            callbacks, self._when_idle = self._when_idle, []
            for callback in callbacks:
                callback()

    def give_up(self) -> None:
        """End the drain: give everything pending its outcome now."""
        for lane in self._busy_lanes():
            self._give_up_overdue(lane, float("inf"), UNKNOWN_AT_SHUTDOWN, DROPPED_AT_SHUTDOWN)
        self._announce_idle()

    def retire(self, topic: str, callback: Callable[[], None]) -> None:
        """Retire the lanes of a topic whose partition count changed, and call back once each of them was empty."""
        lanes = [lane for lane in self._lanes.values() if lane.topic == topic]
        for lane in lanes:
            lane.retired = True
        self._await_retired(lanes, callback)

    def _await_retired(self, lanes: list[Lane], callback: Callable[[], None]) -> None:
        # One by one: dead letters, which cannot wait, still come, and would keep some lane busy at any time.
        busy = []
        for lane in lanes:
            if lane.state is LaneState.EMPTY:
                del self._lanes[lane.topic, lane.partition]
            else:
                busy.append(lane)
        if busy:
            self._timers.call_later(0.02, self._await_retired, busy, callback)
        else:
            callback()

    def fill(self) -> dict[str, int]:
        """Count for the metrics: lanes, their waiting runs, and their records at Kafka."""
        lanes = self._lanes.values()
        return {
            "lanes": len(lanes),
            "queued_runs": sum(len(lane.queue) for lane in lanes),
            "in_flight_records": sum(lane.batch.count for lane in lanes if lane.batch is not None),
        }


def _report_metadata(batch: Batch) -> None:
    """Tell each owner that wants it the place of its runs; the records of a batch have consecutive offsets."""
    offset = batch.base_offset
    for run in batch.runs:
        wanted = run.owner.record_metadata
        if wanted is not None and run.packet_ids:
            wanted[run] = (batch.topic, batch.partition, offset)
        if offset >= 0:
            offset += len(run.payloads)
