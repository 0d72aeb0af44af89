"""Makes room for QoS 0 messages when the byte budget is used up, by dropping those that have waited longest.

For operators who would rather have fresh telemetry than complete telemetry; without it, the newest are dropped at the
door. Never touched: QoS 1, and what is in a batch at Kafka. A connection that holds a great deal loses its own first.
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
    from adapter.model import Owner, Run

MADE_ROOM = Outcome(DeliveryStatus.DROPPED, Reason.BUDGET, "dropped for newer messages: the buffers for Kafka are full")

_arrived = itemgetter(0)

# How much of the budget becomes free at a time: a few thousand small messages, which takes some milliseconds. Where the
# queues hold little that may be dropped, one message for this many runs looked at comes before the next look.
FREE_FRACTION = 64
# … and who holds more than this part is found among all others soon enough.
OWNER_SHARE = 8


class Lanes(Protocol):
    """The pipeline, as far as what waits in it is concerned."""

    @property
    def lanes(self) -> Iterable[Lane]:
        """All lanes."""

    def drop(self, lane: Lane, runs: Collection[Run], outcome: Outcome) -> None:
        """Take waiting runs out of their lane. Who calls this sees to the budget's `used`."""


class DropOldest:
    """See the module. One for all lanes."""

    def __init__(self, lanes: Lanes, budget: Budget, timers: Timers) -> None:
        self._lanes = lanes
        self._budget = budget
        self._timers = timers
        self._looked_at = 0
        self._in_vain = 0  # how many messages are to be dropped at the door before it is worth looking again

    def make_room(self, owner: Owner) -> bool:
        """Whether there is room for a QoS 0 message of `owner` now. May be called in the middle of its read."""
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
        if freed <= excess:  # the rest is at Kafka, or has QoS 1: nothing to be gained
            return False
        for lane, runs in chosen.items():
            self._in_vain -= sum(len(run.payloads) for run in runs)
            self._lanes.drop(lane, runs, MADE_ROOM)
        self._in_vain = max(0, self._in_vain)
        budget.used -= freed
        # Those who wait for room get their turn afterwards: they must not read in the middle of another one's read.
        self._timers.call_soon(budget.release, 0)
        return True

    def _choose(self, chosen: dict[Lane, dict[Run, None]], size: int, owner: Owner | None = None) -> int:
        """Choose the oldest runs (of that owner) that are not chosen yet, until they have `size` bytes."""
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
