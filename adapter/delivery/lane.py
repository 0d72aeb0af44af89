"""One partition's line of records: what waits, what is at Kafka, and the order between them.

    EMPTY ──put──▶ WAITING ──send──▶ IN_FLIGHT ──acknowledged──▶ WAITING or EMPTY
                      ▲                  │
                      │                  ├─ transient failure ─▶ BACKING_OFF ──delay──▶ IN_FLIGHT (the same batch)
                      └── rejected, cut ─┘

At most one batch is at Kafka, so that no retry can reorder anything, whatever the client below does. While it is on
its way the queue collects the next one: group commit.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from adapter.model import RUN_MEMORY, Batch, Run

if TYPE_CHECKING:
    from collections.abc import Collection

    from adapter.counters import Ledger
    from adapter.delivery.budget import Budget
    from adapter.model import Owner


class LaneState(Enum):
    """See the picture above."""

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
        """An empty lane has something to send now."""


class Lane:
    """The queue and the batch in flight of one partition; `retired` lanes get no new routes and end when empty.

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
        self.backoff = 0.0  # seconds before the batch is tried again the next time; 0: the first pause
        self.state = LaneState.EMPTY
        self.retired = False
        self.expiring = False  # whether the queue may hold messages with an expiry
        self._host = keeper
        self._budget = keeper.budget
        self._pending = keeper.ledger.pending
        self._runs_at_most = 0  # while a culprit is searched: how many runs the next batch may hold

    def put(self, run: Run) -> None:
        """Take a run, behind everything taken before."""
        self._pending[run.qos] += len(run.payloads)
        self._budget.charge(run.owner, run.size + RUN_MEMORY)
        self.queue.append(run)
        if self.state is EMPTY:
            self.state = LaneState.WAITING
            self._host.wake(self)

    def next_batch(self) -> Batch:
        """Take the next batch off the queue: runs in order, of at most `max_batch_size` bytes, or a single record."""
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
        """The batch in flight is over, one way or another."""
        self.batch = None
        self.backoff = 0.0
        self._runs_at_most = 0
        self.state = LaneState.WAITING if self.queue else LaneState.EMPTY

    def cut_batch(self) -> Run | None:
        """Kafka rejected the batch, which takes good records with the bad one: look for the bad one.

        The runs go back to the head of the queue and the next batch holds half of them. When a single record is left
        it is the culprit: it is returned, and is no longer in the lane.
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
        """Take the runs of these owners out of the queue, in one pass, and return them."""
        withdrawn = [run for run in self.queue if run.owner in owners] if owners else []
        if withdrawn:
            self.queue = deque(run for run in self.queue if run.owner not in owners)
        return withdrawn

    def drop(self, runs: Collection[Run]) -> None:
        """Take these runs out of the queue; they are near its head."""
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
        """Take the runs that have expired out of what the next batch could hold, and return them."""
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
        """Take the waiting runs that arrived earlier than that (monotonic seconds) out of the queue, and return them.

        The queue is in order of arrival but for ties, so only its head is looked at.
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
