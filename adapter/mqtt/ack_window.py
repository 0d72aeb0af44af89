"""The publishes of one connection that are not acknowledged yet, in order of arrival.

An entry is a `Run` in a lane, an `Answer` that was known at once (a refusal, or an acknowledgement on receipt), or
`Joined` (`returning.py`). Outcomes arrive in any order; entries leave from the front only, so PUBACKs are sent in the
order of the PUBLISH packets [MQTT-4.6.0-2], whatever partitions the records went to. Receive Maximum limits the number
of messages in the window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.model import Outcome
    from adapter.mqtt.returning import Joined
    from adapter.runs import Run


class Answer:
    """An acknowledgement that waits for no lane. It has the attributes of a `Run` that a window uses."""

    __slots__ = ("arrived", "outcome", "packet_ids", "qos")

    def __init__(self, packet_ids: list[bytes], outcome: Outcome, arrived: float, qos: int) -> None:
        self.qos = qos
        self.packet_ids = packet_ids
        self.outcome: Outcome | None = outcome
        self.arrived = arrived


Entry: TypeAlias = "Run | Answer | Joined"


class AckWindow:
    """`unacknowledged` counts messages, not entries."""

    __slots__ = ("_entries", "_index", "unacknowledged")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._index: dict[bytes, Entry] | None = None  # exists while it is searched by packet identifier
        self.unacknowledged = 0

    def add(self, entry: Entry) -> None:
        """Append the connection's next publishes."""
        self._entries.append(entry)
        self.unacknowledged += len(entry.packet_ids)
        if self._index is not None:
            self._index |= dict.fromkeys(entry.packet_ids, entry)

    def find(self, packet_id: bytes) -> Entry | None:
        """The latest entry with that packet identifier."""
        if self._index is None:
            self._index = {packet_id: entry for entry in self._entries for packet_id in entry.packet_ids}
        return self._index.get(packet_id)

    def take_settled(self) -> list[Entry]:
        """Remove and return the entries at the front that have an outcome."""
        entries = self._entries
        self._index = None
        if len(entries) == 1 and entries[0].outcome is not None:
            self._entries = []
            self.unacknowledged = 0
            return entries
        count = 0
        for entry in entries:
            if entry.outcome is None:
                break
            count += 1
            self.unacknowledged -= len(entry.packet_ids)
        if count == len(entries):
            self._entries = []
            return entries
        settled = entries[:count]
        del entries[:count]
        return settled

    def remove(self, entry: Entry) -> None:
        """Forget an entry that needs no answer any more."""
        self._entries.remove(entry)
        self.unacknowledged -= len(entry.packet_ids)
        self._index = None

    def __iter__(self) -> Iterator[Entry]:
        """The entries, the oldest first."""
        return iter(self._entries)

    def replace(self, run: Run, parts: list[Run]) -> None:
        """Replace a run by its parts."""
        position = self._entries.index(run)
        self._entries[position : position + 1] = parts
        self._index = None
