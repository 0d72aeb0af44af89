"""Packets that have begun to arrive: the rest of each must follow in time, and all together may hold so much.

Counted are those of devices that were let in; what is held before has a limit of its own (`unauthenticated_bytes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.reasons import CloseCause, Limit, ReasonCode

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.inbound import Inbound


class _Packet:
    __slots__ = ("at", "size")

    def __init__(self, at: float) -> None:
        self.at = at
        self.size = 0


class Unfinished:
    """Shared by all sessions. Times are in monotonic seconds."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._packets: dict[Inbound, _Packet] = {}  # the oldest first
        self._bytes = 0
        self._sweeping = False

    def begun(self, session: Inbound, at: float, size: int) -> None:
        """A packet has begun to arrive, with so many bytes; see `grew`."""
        self._packets[session] = _Packet(at)
        if not self._sweeping:
            self._sweeping = True
            self._frontend.timers.call_later(1.0, self._end_slow_senders)
        self.grew(session, size)

    def grew(self, session: Inbound, size: int) -> None:
        """More of it has arrived. This may close any session, this one too."""
        packet = self._packets.get(session)
        if packet is None or not session.is_open:
            return
        packet.size += size
        self._bytes += size
        while self._bytes > self._frontend.config.limits.unfinished_bytes:
            # The oldest, but not one that holds less than most: it would make no room.
            share = self._bytes // len(self._packets)
            oldest = next(one for one, packet in self._packets.items() if packet.size >= share)
            self._end(oldest, Limit.UNFINISHED_BYTES, ReasonCode.QUOTA_EXCEEDED)

    def done(self, session: Inbound) -> None:
        """The rest has arrived, or is not awaited any more."""
        packet = self._packets.pop(session, None)
        if packet is not None:
            self._bytes -= packet.size

    def _end_slow_senders(self) -> None:
        before = self._frontend.time() - self._frontend.config.limits.packet_seconds
        while self._packets:
            session, packet = next(iter(self._packets.items()))
            if packet.at > before:
                break
            self._end(session, Limit.PACKET_SECONDS, ReasonCode.KEEP_ALIVE_TIMEOUT)
        self._sweeping = bool(self._packets)
        if self._sweeping:
            self._frontend.timers.call_later(1.0, self._end_slow_senders)

    def _end(self, session: Inbound, limit: Limit, code: ReasonCode) -> None:
        self.done(session)
        self._frontend.limited(limit, session.peer.address, session.client_id)
        session.end(code, CloseCause.SLOW_SENDER)
