"""Takes the place of a connection's session until its layers (`layers.py`) are open, with one deadline for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.reasons import CloseCause

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.ports import Wire
    from adapter.reasons import ReasonCode


class Opening:
    """`watched_second` belongs to `Deadlines`."""

    __slots__ = ("_address", "_bytes", "_frontend", "_over", "_wire", "watched_second")

    def __init__(self, frontend: Frontend, wire: Wire, address: str) -> None:
        self._frontend = frontend
        self._wire = wire
        self._address = address
        self._over = False
        self._bytes = 0
        self.watched_second = 0
        frontend.sessions[self] = None
        frontend.deadlines.watch(self, frontend.time() + frontend.config.handshake_timeout)

    def over(self) -> bool:
        """Give up its place; False if it already has."""
        if self._over:
            return False
        self._over = True
        self._frontend.bytes_before_open -= self._bytes
        self._frontend.deadlines.forget(self)
        self._frontend.sessions.pop(self, None)
        return True

    def may_read(self, size: int) -> bool:
        """Count so many bytes more, all of which a layer may hold; False if it was closed, for all hold too many."""
        if self._over:  # nothing is held any more
            return True
        self._bytes += size
        if self._frontend.may_hold(size, self._address):
            return True
        self.end(None, CloseCause.TURNED_AWAY)
        return False

    def end(self, _: ReasonCode | None, cause: CloseCause, text: str | None = None) -> None:  # noqa: ARG002 - a session's interface
        """Close; there is no MQTT yet in which to say why."""
        if self.over():
            self._frontend.counters.closed[cause] += 1
            self._wire.close()

    def check_deadline(self, _: float) -> None:
        """The handshake took too long."""
        self.end(None, CloseCause.HANDSHAKE_TIMEOUT)

    def drain(self) -> None:
        """The adapter stops."""
        self.end(None, CloseCause.SHUTDOWN)

    def gone(self) -> None:
        """The socket is closed, by either side."""
        self.end(None, CloseCause.CONNECTION_LOST)

    def eof(self) -> bool:
        """Whether to keep the socket of a peer that sends nothing more: no, its handshake is incomplete."""
        return False

    def pause(self, _: int) -> None:
        """The peer does not read the few bytes of the handshake: close."""
        self.end(None, CloseCause.PROTOCOL_ERROR)

    def resume(self, _: int) -> None:
        """Nothing was paused."""
