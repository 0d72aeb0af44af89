"""A device that comes back while messages of its earlier connections are pending.

What is pending stays in its lanes, in front of all that the new connection sends, so the order is kept by itself. What
the device sends again, with DUP, *joins* its first coming: one record, one PUBACK, whichever connection gets it. It is
taken for the same message when packet identifier, payload and the record's template (topic, key, headers) are equal;
that holds for clients with a clean session too, which number from 1 again and may well send something else. With QoS 2
the identifier alone tells, within a session (`exactly_once.py`). A message that has an outcome already cannot be
joined: it makes a second record, as at least once allows.

Nothing is kept for a device that has nothing pending, so this is bounded by what the lanes hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import DeliveryStatus, Outcome, Run

if TYPE_CHECKING:
    from adapter.model import RecordTemplate
    from adapter.mqtt.answers import Answers

# For the entry of a connection that has gone, when a later one has joined in its place: nobody hears of it. Kafka has
# said nothing yet, so it is not ACKNOWLEDGED.
HANDED_OVER = Outcome(DeliveryStatus.UNKNOWN)


class Joined:
    """A window's entry for a message that an earlier connection brought; gets the outcome that it has there."""

    __slots__ = ("arrived", "outcome", "packet_ids", "qos", "successor")

    def __init__(self, successor: Answers, packet_id: bytes, arrived: float, qos: int) -> None:
        self.successor = successor
        self.qos = qos
        self.packet_ids = [packet_id]
        self.arrived = arrived
        self.outcome: Outcome | None = None


class Earlier:
    """The earlier connections of a device that have something pending, the oldest first."""

    def __init__(self, flows: list[Answers]) -> None:
        self.flows = flows
        for flow in flows:
            flow.listed_in = self
        self._index: dict[bytes, tuple[Answers, Run]] | None = None

    def remove(self, flow: Answers) -> None:
        """It has nothing pending any more."""
        self.flows.remove(flow)
        self._index = None

    def find(self, packet_id: bytes, payload: bytes, template: RecordTemplate) -> Answers | None:
        """The connection that brought this very message, pending. Of equal identifiers the latest counts."""
        if self._index is None:
            self._index = {}
            for flow in self.flows:
                for run in flow.window:
                    if isinstance(run, Run):
                        self._index |= dict.fromkeys(run.packet_ids, (flow, run))
        found = self._index.get(packet_id)
        if found is None:
            return None
        flow, run = found
        if packet_id not in run.packet_ids:  # a rejected batch was cut, and this run with it
            self._index = None
            return self.find(packet_id, payload, template)
        return flow if is_pending(run, packet_id, payload, template) else None


def is_pending(entry: object, packet_id: bytes, payload: bytes, template: RecordTemplate) -> bool:
    """Whether a window's entry is a run that holds this very message, without an outcome so far."""
    return (
        isinstance(entry, Run)
        and entry.outcome is None
        and packet_id in entry.packet_ids
        and entry.payloads[entry.packet_ids.index(packet_id)] == payload
        and entry.route.template == template
    )
