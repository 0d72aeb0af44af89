"""Makes room for QoS 0 messages when the byte budget is used up, by dropping those that have waited longest.

This is for operators who prefer fresh telemetry to complete telemetry; without it, the newest messages are dropped on
arrival. It never touches QoS 1 and 2, nor a batch at Kafka. A connection that holds very much loses its own first.
"""

from __future__ import annotations

from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from adapter.model import DeliveryStatus, Outcome
from adapter.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from adapter.delivery.budget import Budget
    from adapter.delivery.lane import Lane
    from adapter.delivery.ports import Timers
    from adapter.runs import Owner, Run

MADE_ROOM = Outcome(DeliveryStatus.DROPPED, Reason.BUDGET, "dropped for newer messages: the buffers for Kafka are full")

_arrived = itemgetter(0)

# The part of the budget that is freed at a time: a few thousand small messages, which takes some milliseconds. If the
# queues hold little that may be dropped, one message is dropped on arrival per so many runs before the next search.
FREE_FRACTION = 64
# A connection that holds more than this part of the budget is found quickly among all others.
OWNER_SHARE = 8


class Lanes(Protocol):
    """The part of the pipeline that holds waiting runs."""

    @property
    def lanes(self) -> Iterable[Lane]:
        """All lanes."""

    def drop(self, lane: Lane, runs: Collection[Run], outcome: Outcome) -> None:
        """Drop waiting runs of a lane. The caller reduces the budget's `used`."""


class DropOldest:
    """Drops the oldest QoS 0 messages; one instance for all lanes."""

    def __init__(self, lanes: Lanes, budget: Budget, timers: Timers) -> None:
        self._lanes = lanes
        self._budget = budget
        self._timers = timers
        self._looked_at = 0
        self._in_vain = 0  # messages to drop on arrival before another search is worthwhile

    def make_room(self, owner: Owner) -> bool:
        """Make room for a QoS 0 message of `owner`; return whether there is any. May be called during its read."""
        if self._in_vain:
            self._in_vain -= 1
            return False
        budget = self._budget
        excess = budget.used - budget.soft
        self._looked_at = 0
        chosen: dict[Lane, dict[Run, None]] = {}
        freed = 0
        if budget.exceeds_share(owner.pending_bytes) and owner.pending_bytes > budget.limit // OWNER_SHARE:
            freed = self._choose(chosen, excess + budget.limit // FREE_FRACTION, owner)
        if freed <= excess:
            freed += self._choose(chosen, excess + budget.limit // FREE_FRACTION - freed)
        self._in_vain = self._looked_at // FREE_FRACTION
        if freed <= excess:  # the rest is at Kafka, or QoS 1 or 2: nothing to gain
            return False
        for lane, runs in chosen.items():
            self._in_vain -= sum(len(run.payloads) for run in runs)
            self._lanes.drop(lane, runs, MADE_ROOM)
        self._in_vain = max(0, self._in_vain)
        budget.used -= freed
        # Waiting connections get their turn later: they must not read in the middle of another connection's read.
        self._timers.call_soon(budget.release, 0)
        return True

    def _choose(self, chosen: dict[Lane, dict[Run, None]], size: int, owner: Owner | None = None) -> int:
        """Choose the oldest runs (of `owner`, if given) not chosen yet, up to `size` bytes; return their bytes."""
        freed = 0
        for _, lane, run in merge(*map(self._droppable, self._lanes.lanes), key=_arrived):
            if freed >= size:
                break
            if owner is None or run.owner is owner:
                runs = chosen.setdefault(lane, {})
                if run not in runs:
                    runs[run] = None
                    freed += run.held
        return freed

    def _droppable(self, lane: Lane) -> Iterator[tuple[float, Lane, Run]]:
        for run in lane.queue:
            self._looked_at += 1
            if not run.qos:
                yield run.arrived, lane, run
