"""A connection before it has a session: what stands between them (`layers.py`) is not open yet.

It takes the session's place towards connection and front end, and has one deadline for all that must be said first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.reasons import CloseCause

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.ports import Wire
    from adapter.reasons import ReasonCode


class Opening:
    """`watched_second` belongs to `Deadlines`."""

    __slots__ = ("_frontend", "_over", "_wire", "watched_second")

    def __init__(self, frontend: Frontend, wire: Wire) -> None:
        self._frontend = frontend
        self._wire = wire
        self._over = False
        self.watched_second = 0
        frontend.sessions[self] = None
        frontend.deadlines.watch(self, frontend.time() + frontend.config.handshake_timeout)

    def over(self) -> bool:
        """Leave the place to somebody else; False when it was left before."""
        if self._over:
            return False
        self._over = True
        self._frontend.deadlines.forget(self)
        self._frontend.sessions.pop(self, None)
        return True

    def end(self, _: ReasonCode | None, cause: CloseCause, text: str | None = None) -> None:  # noqa: ARG002 - a session's interface
        """Close. There is nobody yet who could be told why."""
        if self.over():
            self._frontend.counters.closed[cause] += 1
            self._wire.close()

    def check_deadline(self, _: float) -> None:
        """Called by `Deadlines`: it took too long."""
        self.end(None, CloseCause.HANDSHAKE_TIMEOUT)

    def drain(self) -> None:
        """The adapter stops."""
        self.end(None, CloseCause.SHUTDOWN)

    def gone(self) -> None:
        """The socket is closed, by whomever."""
        self.end(None, CloseCause.CONNECTION_LOST)

    def eof(self) -> bool:
        """Whether to keep the socket of a peer that sends nothing more: it cannot have said enough."""
        return False

    def pause(self, _: int) -> None:
        """The peer does not read the little that it is sent before its session."""
        self.end(None, CloseCause.PROTOCOL_ERROR)

    def resume(self, _: int) -> None:
        """Nothing was paused."""
