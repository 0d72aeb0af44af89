"""The lane of one partition: its waiting records, its batch at Kafka, and their order.

    EMPTY ──put──▶ WAITING ──send──▶ IN_FLIGHT ──acknowledged──▶ WAITING or EMPTY
                      ▲                  │
                      │                  ├─ transient failure ─▶ BACKING_OFF ──delay──▶ IN_FLIGHT (the same batch)
                      └── rejected, cut ─┘

At most one batch is at Kafka, so no retry can reorder records, whatever the Kafka client does. Meanwhile the queue
collects the next batch: group commit.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from adapter.runs import RUN_MEMORY, Batch, Run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from adapter.counters import Ledger
    from adapter.delivery.budget import Budget
    from adapter.runs import Owner


class LaneState(Enum):
    """The states in the diagram above."""

    EMPTY = "empty"
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    BACKING_OFF = "backing_off"


EMPTY = LaneState.EMPTY  # looked up for every run


class LaneHost(Protocol):
    """The pipeline, as its lanes see it."""

    budget: Budget
    ledger: Ledger

    def wake(self, lane: Lane) -> None:
        """Send soon: an empty lane has got a run."""


class Lane:
    """The queue and the batch in flight of one partition. A `retired` lane gets no new routes, and ends once empty.

    `max_batch_size` is in bytes of records, before compression.
    """

    __slots__ = (
        "_budget",
        "_host",
        "_pending",
        "_runs_at_most",
        "backoff",
        "batch",
        "expiring",
        "max_batch_size",
        "partition",
        "queue",
        "retired",
        "state",
        "topic",
    )

    def __init__(self, topic: str, partition: int, keeper: LaneHost, max_batch_size: int) -> None:
        self.topic = topic
        self.max_batch_size = max_batch_size
        self.partition = partition
        self.queue: deque[Run] = deque()
        self.batch: Batch | None = None
        self.backoff = 0.0  # seconds before the next retry of the batch; 0: the first pause
        self.state = LaneState.EMPTY
        self.retired = False
        self.expiring = False  # whether the queue may hold messages with an expiry
        self._host = keeper
        self._budget = keeper.budget
        self._pending = keeper.ledger.pending
        self._runs_at_most = 0  # during the search for a rejected record: the most runs in the next batch

    def put(self, run: Run) -> None:
        """Append a run to the queue."""
        self._pending[run.qos] += len(run.payloads)
        self._budget.charge(run.owner, run.size + RUN_MEMORY)
        self.queue.append(run)
        if self.state is EMPTY:
            self.state = LaneState.WAITING
            self._host.wake(self)

    def next_batch(self) -> Batch:
        """Take the next batch off the queue: runs in order, at most `max_batch_size` bytes, or a single record."""
        queue = self.queue
        max_size = self.max_batch_size
        run = queue.popleft()
        while run.size > max_size and len(run.payloads) > 1:
            run, rest = self._split(run)
            queue.appendleft(rest)
        runs = [run]
        size = run.size
        count = len(run.payloads)
        most = self._runs_at_most or len(queue) + 1
        while queue and len(runs) < most and size + queue[0].size <= max_size:
            run = queue.popleft()
            runs.append(run)
            size += run.size
            count += len(run.payloads)
        batch = self.batch = Batch(self.topic, self.partition, runs, size, count)
        return batch

    def finish_batch(self) -> None:
        """Forget the batch in flight, whatever its outcome."""
        self.batch = None
        self.backoff = 0.0
        self._runs_at_most = 0
        self.state = LaneState.WAITING if self.queue else LaneState.EMPTY

    def cut_batch(self) -> Run | None:
        """Search for the bad record of a batch that Kafka rejected, because its good records must be delivered.

        The runs return to the head of the queue, and the next batch holds half of them. If the batch was a single
        record, it is the culprit: it leaves the lane and is returned.
        """
        assert self.batch is not None
        runs = self.batch.runs
        if len(runs) == 1 and len(runs[0].payloads) > 1:
            runs = self._split(runs[0])
        culprit = runs.pop() if len(runs) == 1 else None
        self.queue.extendleft(reversed(runs))
        self.finish_batch()
        if culprit is None:
            self._runs_at_most = len(runs) // 2
        return culprit

    def _split(self, run: Run) -> list[Run]:
        self._budget.charge(run.owner, RUN_MEMORY)  # of one run more
        return run.owner.split(run)

    def withdraw(self, owners: Collection[Owner]) -> list[Run]:
        """Remove the waiting runs of these owners from the queue, in one pass, and return them."""
        withdrawn = [run for run in self.queue if run.owner in owners] if owners else []
        if withdrawn:
            self.queue = deque(run for run in self.queue if run.owner not in owners)
        return withdrawn

    def drop(self, runs: Collection[Run]) -> None:
        """Remove these runs, which are near the head, from the queue."""
        kept: list[Run] = []
        left = len(runs)
        while left:
            run = self.queue.popleft()
            if run in runs:
                left -= 1
            else:
                kept.append(run)
        self.queue.extendleft(reversed(kept))

    def take_expired(self, now: float) -> list[Run]:
        """Remove expired runs from the part of the queue that the next batch could hold, and return them."""
        expired: list[Run] = []
        kept: list[Run] = []
        size = 0
        queue = self.queue
        while queue and size <= self.max_batch_size:
            run = queue.popleft()
            expiry = run.route.expiry
            if expiry is not None and run.arrived + expiry <= now:
                expired.append(run)
            else:
                kept.append(run)
                size += run.size
        self.expiring = bool(queue) or any(run.route.expiry is not None for run in kept)
        queue.extendleft(reversed(kept))
        return expired

    def overdue(self, arrived_before: float) -> list[Run]:
        """Remove and return the waiting runs that arrived no later than `arrived_before` (monotonic seconds).

        The queue is in order of arrival, so only its head is checked.
        """
        count = 0
        for run in self.queue:
            if run.arrived > arrived_before:
                break
            count += 1
        overdue = list(islice(self.queue, count))
        for _ in overdue:
            self.queue.popleft()
        return overdue


def tell(owners: Iterable[Owner]) -> None:
    """Tell each of them that runs of its have an outcome; a fault in one ends that one alone."""
    for owner in owners:
        try:
            owner.settled()
        except Exception as fault:  # noqa: BLE001 - the others must hear of theirs, and the budget too
            owner.abandon(fault)
