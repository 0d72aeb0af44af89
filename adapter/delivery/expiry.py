"""Messages that have waited for longer than their Message Expiry Interval (MQTT 5.0 section 3.3.2.3.3) are dropped.

Looked for when a batch is made up, and now and then while Kafka is away; only in lanes that hold such a message, so all
others pay nothing. What is in a batch already goes on: Kafka may have it. The device is told success, for it has done
all that it should; the ledger says dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import ACKNOWLEDGED
from adapter.reasons import Reason

if TYPE_CHECKING:
    from adapter.delivery.lane import Lane, LaneHost
    from adapter.model import Owner, Run


class ExpiringSink:
    """A lane, as messages that may expire see it."""

    __slots__ = ("_lane",)

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    @property
    def retired(self) -> bool:
        """Whether the route is to be looked up anew."""
        return self._lane.retired

    def put(self, run: Run) -> None:
        """Take a run. What it has waited in its connection already counts."""
        if run.owner.waited_seconds:
            run.route = run.route.aged(run.owner.waited_seconds)
        self._lane.expiring = True
        self._lane.put(run)


def drop_expired(lane: Lane, keeper: LaneHost, now: float) -> None:
    """Drop what must not be in the lane's next batch; `now` is in monotonic seconds."""
    expired = lane.take_expired(now)
    if not expired:
        return
    ledger = keeper.ledger
    touched: dict[Owner, None] = {}
    for run in expired:
        count = len(run.payloads)
        ledger.pending[run.qos] -= count
        ledger.dropped[run.qos][Reason.EXPIRED] += count
        run.outcome = ACKNOWLEDGED
        keeper.budget.credit(run.owner, run.held)
        touched[run.owner] = None
    for owner in touched:
        owner.settled()
    keeper.budget.release(sum(run.held for run in expired))
