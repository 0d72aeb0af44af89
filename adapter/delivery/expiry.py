"""Drops messages that have waited longer than their Message Expiry Interval (MQTT 5.0 section 3.3.2.3.3).

Lanes look for them when they make a batch, and periodically while Kafka is unavailable; lanes without such messages pay
nothing. A message that is already in a batch continues, because Kafka may have it. The device is told success, because
it has done everything it should; the ledger counts the message as dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.delivery.lane import tell
from adapter.model import ACKNOWLEDGED
from adapter.reasons import Reason

if TYPE_CHECKING:
    from adapter.delivery.lane import Lane, LaneHost
    from adapter.runs import Owner, Run


class ExpiringSink:
    """The lane of messages that may expire."""

    __slots__ = ("_lane",)

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    @property
    def retired(self) -> bool:
        """Whether the route must be looked up again."""
        return self._lane.retired

    def put(self, run: Run) -> None:
        """Take a run. The time it has already waited in its connection counts."""
        if run.owner.waited_seconds:
            run.route = run.route.aged(run.owner.waited_seconds)
        self._lane.expiring = True
        self._lane.put(run)


def drop_expired(lane: Lane, keeper: LaneHost, now: float) -> None:
    """Drop the expired messages at the head of the lane; `now` is in monotonic seconds."""
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
    tell(touched)
    keeper.budget.release(sum(run.held for run in expired))
