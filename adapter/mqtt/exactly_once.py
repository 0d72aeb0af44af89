"""A session's QoS 2 exchanges: which packet identifiers are in use, so that a repeated PUBLISH makes no second record.

    PUBLISH ──▶ pending in the window of the connection that brought it ──Kafka has it──▶ received ──PUBREL──▶ free
                   └── failed or refused ──▶ free: the next PUBLISH with this identifier is a new message

A PUBREC says that Kafka has the message (5.0: or, from 0x80 on, that it is refused). From then until its PUBREL every
PUBLISH with the identifier is this message [MQTT-4.3.3-2, 5.0: 4.3.3-8 to 4.3.3-12]. That is all a server has to store,
and it outlives the connection with the session (`kept_sessions.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.model import ACKNOWLEDGED
from adapter.mqtt.returning import HANDED_OVER
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.counters import FrontEndCounters
    from adapter.mqtt.ack_window import Entry
    from adapter.mqtt.answers import Answers

QOS_2 = 2
# The form of 3.1.1, and of 5.0 without a reason code: fixed header, packet identifier.
PUBREL, PUBCOMP = b"\x62\x02", b"\x70\x02"
SIZE = 4
AT_ONCE = 256  # in one turn of the event loop
PACKET_ID = 2  # bytes


class Exchanges:
    """The exchanges of one session. `owners`: by identifier, the connection whose window has it; None: received."""

    __slots__ = ("_counters", "owners")

    def __init__(self, counters: FrontEndCounters) -> None:
        self.owners: dict[bytes, Answers | None] = {}
        self._counters = counters

    def settle(self, flow: Answers, entries: Iterable[Entry]) -> None:
        """These entries of `flow` have an outcome."""
        owners = self.owners
        for entry in entries:
            if entry.qos != QOS_2 or entry.outcome is HANDED_OVER:
                continue
            if entry.outcome is ACKNOWLEDGED:
                flow.count_unreleased(entry.packet_ids)
            for packet_id in entry.packet_ids:
                if entry.outcome is not ACKNOWLEDGED:
                    if owners.get(packet_id) is flow:
                        del owners[packet_id]
                elif owners.get(packet_id) is flow:
                    owners[packet_id] = None
                    self._counters.unreleased += 1

    def release(self, packet_id: bytes) -> bool:
        """Handle a PUBREL: whether its packet identifier was in use.

        Raises ProtocolError before the PUBREC: the next message with this identifier would be taken for a repeat.
        """
        if packet_id not in self.owners:
            return False
        if self.owners[packet_id] is not None:
            raise early_release()
        del self.owners[packet_id]
        self._counters.unreleased -= 1
        return True

    def release_all(self, data: bytes, pos: int, end: int) -> int:
        """Take consecutive PUBRELs of the usual form for received messages; returns where they end."""
        owners = self.owners
        begin = pos
        last = min(end - SIZE, pos + SIZE * AT_ONCE)
        while pos <= last and data[pos : pos + PACKET_ID] == PUBREL and owners.get(data[pos + 2 : pos + 4], 0) is None:
            del owners[data[pos + 2 : pos + 4]]
            pos += SIZE
        self._counters.unreleased -= (pos - begin) // SIZE
        return pos

    def end(self) -> None:
        """The session has ended; later outcomes are ignored."""
        self._counters.unreleased -= sum(owner is None for owner in self.owners.values())
        self.owners.clear()


def early_release() -> ProtocolError:
    """The error for a PUBREL that answers no PUBREC: its device and we disagree about what is finished."""
    return ProtocolError(ReasonCode.PROTOCOL_ERROR, "a PUBREL before the PUBREC (4.3.3)")
