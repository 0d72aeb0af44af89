"""The sessions of devices that are not connected (Clean Session 0; 5.0: Session Expiry Interval).

Without subscriptions, the session state of the server (section 4.1 of both specifications) is the existence of the
session and its QoS 2 exchanges. Session Present in the CONNACK matters: if it is 0, clients such as Paho for C discard
their messages in flight instead of sending them again. Pending QoS 1 messages do not depend on it, see `returning.py`.

Sessions are kept in memory only: another process does not know them, and answers Session Present 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adapter.mqtt.connect import MQTT_5

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.counters import FrontEndCounters
    from adapter.model import Connect, Identity
    from adapter.mqtt.exactly_once import Exchanges
    from adapter.mqtt.ports import Timers

LONGEST = 86_400  # seconds; a device that is away for longer does not wait for old answers any more


def expiry(connect: Connect) -> int:
    """The session expiry interval in seconds, as granted."""
    if connect.level == MQTT_5:
        return min(connect.session_expiry, LONGEST)
    return 0 if connect.clean_start else LONGEST


@dataclass(eq=False, slots=True)
class KeptSession:
    """`until` in monotonic seconds; `exchanges` is None when it never had any."""

    until: float
    exchanges: Exchanges | None
    timer: Any = None  # discards it in time; only with exchanges

    def end(self) -> None:
        """The session has ended."""
        if self.exchanges is not None:
            self.exchanges.end()


class KeptSessions:
    """Beyond `limit` the session that was disconnected first is discarded, and counted.

    An expired session is discarded at once only if it has QoS 2 exchanges.
    """

    def __init__(
        self, limit: int, timers: Timers, counters: FrontEndCounters, on_forgotten: Callable[[Identity], None]
    ) -> None:
        self._limit = limit
        self._on_forgotten = on_forgotten
        self._timers = timers
        self._counters = counters
        self._sessions: dict[Identity, KeptSession] = {}

    def keep(self, identity: Identity, seconds: int, exchanges: Exchanges | None) -> None:
        """Its connection has ended."""
        session = KeptSession(self._timers.time() + seconds, exchanges)
        if not seconds:
            session.end()
            return
        if len(self._sessions) >= self._limit:
            oldest = next(iter(self._sessions))
            self._drop(oldest)
            self._counters.sessions_forgotten += 1
            self._on_forgotten(oldest)
        # The plugins' session ends with its connection.
        key = replace(identity, plugin_session=None)
        self._sessions[key] = session
        self._counters.sessions_kept = len(self._sessions)
        if exchanges is not None:
            session.timer = self._timers.call_later(seconds, self._drop, key)

    def resume(self, identity: Identity, *, clean: bool) -> KeptSession | None:
        """The same device has connected: its session, if it is still kept and the client resumes it."""
        session = self._take(identity)
        if session is None:
            return None
        if clean or self._timers.time() >= session.until:
            session.end()
            return None
        return session

    def _drop(self, identity: Identity) -> None:
        session = self._take(identity)
        if session is not None:
            session.end()

    def _take(self, identity: Identity) -> KeptSession | None:
        session = self._sessions.pop(identity, None)
        if session is not None and session.timer is not None:
            session.timer.cancel()  # devices may reconnect often within a day
        self._counters.sessions_kept = len(self._sessions)
        return session
