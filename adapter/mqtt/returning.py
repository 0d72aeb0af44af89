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

from adapter.model import DeliveryStatus, Outcome, Run

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
        """The connection that has this message pending. Of equal identifiers the latest counts."""
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
        if packet_id not in run.packet_ids:  # a rejected batch was split, and this run with it
            self._index = None
            return self.find(packet_id, payload, template)
        return flow if is_pending(run, packet_id, payload, template) else None


def is_pending(entry: object, packet_id: bytes, payload: bytes, template: RecordTemplate) -> bool:
    """Whether this window entry is a run that contains this message and has no outcome yet."""
    return (
        isinstance(entry, Run)
        and entry.outcome is None
        and packet_id in entry.packet_ids
        and entry.payloads[entry.packet_ids.index(packet_id)] == payload
        and entry.route.template == template
    )
