"""Devices that return while messages of their earlier connections are pending.

Pending messages stay in their lanes, in front of all that the new connection sends, which keeps the order. A PUBLISH
that the device repeats, with DUP, *joins* the pending one: one record, and one PUBACK on the newer connection. It is
the same message if packet identifier, payload and the record's template (topic, key, headers) are equal; the identifier
alone does not tell, because clients with a clean session number from 1 again. With QoS 2 the identifier is enough,
within a session (`exactly_once.py`). A message that already has an outcome cannot be joined: a second record is made,
as at-least-once delivery allows.

Nothing is stored for a device that has nothing pending, so this is bounded by the contents of the lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import DeliveryStatus, Outcome
from adapter.runs import Run

if TYPE_CHECKING:
    from adapter.model import RecordTemplate
    from adapter.mqtt.answers import Answers

# The outcome of a closed connection's entry whose place a later connection has taken: it is reported to nobody. Kafka
# has not answered, so it is not ACKNOWLEDGED.
HANDED_OVER = Outcome(DeliveryStatus.UNKNOWN)


class Joined:
    """A window entry for a message of an earlier connection; it gets that message's outcome."""

    __slots__ = ("arrived", "outcome", "packet_ids", "qos", "successor")

    def __init__(self, successor: Answers, packet_id: bytes, arrived: float, qos: int) -> None:
        self.successor = successor
        self.qos = qos
        self.packet_ids = [packet_id]
        self.arrived = arrived
        self.outcome: Outcome | None = None


class Earlier:
    """The connections of one device that have gone and have something pending, the oldest first.

    A connection's `position` is its place among them, given when it goes; the one that is open has none. There is one
    object for all of them, so that what a device costs that comes back thousands of times grows with what is pending.
    """

    __slots__ = ("_flows", "_index", "_next")

    def __init__(self) -> None:
        self._flows: dict[int, Answers] = {}
        self._next = 0
        self._index: dict[bytes, tuple[Answers, Run]] | None = None  # while packet identifiers are asked for

    def __bool__(self) -> bool:
        """Whether anything is pending."""
        return bool(self._flows)

    def add(self, flow: Answers) -> None:
        """It has gone."""
        flow.position = self._next
        self._flows[self._next] = flow
        self._next += 1
        if self._index is not None:
            self._add_to_index(flow)

    def settled(self, flow: Answers) -> None:
        """Some of its messages have an outcome."""
        self._index = None  # which must not hold them for longer than the lanes do
        if not flow.window.unacknowledged and flow.position is not None:
            self._flows.pop(flow.position, None)

    def find(self, packet_id: bytes, payload: bytes, template: RecordTemplate) -> Answers | None:
        """The connection that has this message pending. Of equal identifiers the latest counts."""
        if self._index is None:
            self._index = {}
            for flow in self._flows.values():
                self._add_to_index(flow)
        found = self._index.get(packet_id)
        if found is None:
            return None
        flow, run = found
        if packet_id not in run.packet_ids:  # a rejected batch was split, and this run with it
            self._index = None
            return self.find(packet_id, payload, template)
        return flow if is_pending(run, packet_id, payload, template) else None

    def _add_to_index(self, flow: Answers) -> None:
        assert self._index is not None, "who calls this has made it"
        for run in flow.window:
            if isinstance(run, Run):
                self._index |= dict.fromkeys(run.packet_ids, (flow, run))

    def successors(self, flow: Answers) -> list[Answers]:
        """The later connections that joined messages of this one, those that joined theirs, and so on.

        And those in between: one that has joined in another's place has left it with what it sent itself.
        """
        assert flow.position is not None, "it has gone"
        found: list[Answers] = []
        reached = flow.position
        waiting = [flow]
        while waiting:
            for successor in waiting.pop().joined_by:
                last = self._next - 1 if successor.position is None else successor.position
                later = [self._flows[at] for at in range(reached + 1, last + 1) if at in self._flows]
                reached = max(reached, last)
                if successor.position is None and successor not in found[-1:]:
                    later.append(successor)
                found += later
                waiting += later
        return found


def is_pending(entry: object, packet_id: bytes, payload: bytes, template: RecordTemplate) -> bool:
    """Whether this window entry is a run that contains this message and has no outcome yet."""
    return (
        isinstance(entry, Run)
        and entry.outcome is None
        and packet_id in entry.packet_ids
        and entry.payloads[entry.packet_ids.index(packet_id)] == payload
        and entry.route.template == template
    )
