"""A device that comes back while messages of its earlier connections are pending.

What is pending stays in its lanes, in front of all that the new connection sends, so the order is kept by itself. What
the device sends again, with DUP, *joins* its first coming: one record, one PUBACK, whichever connection gets it. It is
taken for the same message when packet identifier, payload and the record's template (topic, key, headers) are equal;
that holds for clients with a clean session too, which number from 1 again and may well send something else. A message
that has an outcome already cannot be joined: it makes a second record, as at least once allows.

Nothing is kept for a device that has nothing pending, so this is bounded by what the lanes hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import ACKNOWLEDGED, Run

if TYPE_CHECKING:
    from adapter.model import Outcome, RecordTemplate
    from adapter.mqtt.answers import Answers

# For the entry of a connection that has gone, when a later one has joined in its place: nobody hears of it.
HANDED_OVER = ACKNOWLEDGED


class Joined:
    """A window's entry for a message that the connection `origin` brought; gets the outcome that it has there."""

    __slots__ = ("arrived", "heir", "origin", "outcome", "packet_ids", "payload", "template")

    def __init__(  # noqa: PLR0913, PLR0917 - a message has these parts
        self,
        origin: Answers,
        heir: Answers,
        packet_id: bytes,
        payload: bytes,
        template: RecordTemplate,
        arrived: float,
    ) -> None:
        self.origin = origin
        self.heir = heir
        self.packet_ids = [packet_id]
        self.payload = payload
        self.template = template
        self.arrived = arrived
        self.outcome: Outcome | None = None


class Earlier:
    """The earlier connections of a device that have something pending, the oldest first."""

    def __init__(self, flows: list[Answers]) -> None:
        self.flows = flows
        for flow in flows:
            flow.listed_in = self
        self._index: dict[bytes, tuple[Answers, Run | Joined]] | None = None

    def remove(self, flow: Answers) -> None:
        """It has nothing pending any more."""
        self.flows.remove(flow)
        self._index = None

    def find(self, packet_id: bytes, payload: bytes, template: RecordTemplate) -> tuple[Answers, Run | Joined] | None:
        """The entry that holds this very message, pending, and the connection in whose window it is."""
        if self._index is None:
            self._index = {
                packet_id: (flow, entry)
                for flow in self.flows
                for entry in flow.window
                if isinstance(entry, Run | Joined)
                for packet_id in entry.packet_ids
            }
        found = self._index.get(packet_id)
        if found is None:
            return None
        entry = found[1]
        if packet_id not in entry.packet_ids:  # a rejected batch was cut, and this run with it
            self._index = None
            return self.find(packet_id, payload, template)
        return found if is_pending(entry, packet_id, payload, template) else None


def is_pending(entry: object, packet_id: bytes, payload: bytes, template: RecordTemplate) -> bool:
    """Whether a window's entry holds this very message, without an outcome so far."""
    if isinstance(entry, Joined):
        same = entry.packet_ids[0] == packet_id and entry.payload == payload and entry.template == template
    elif isinstance(entry, Run) and packet_id in entry.packet_ids:
        same = entry.payloads[entry.packet_ids.index(packet_id)] == payload and entry.route.template == template
    else:
        same = False
    return same and entry.outcome is None  # type: ignore[attr-defined] # both have one
