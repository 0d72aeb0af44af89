"""The sessions of devices that are not connected (Clean Session 0; 5.0: Session Expiry Interval).

Nobody subscribes here, so a server's part of a session (3.1.1 section 4.1, 5.0 section 4.1) is that it exists, and its
QoS 2 exchanges. Both are told apart by Session Present in the CONNACK, which matters: clients such as Paho's for C
throw away what they have in flight when it is 0, instead of sending it again. What a device has pending with QoS 1 does
not depend on it, see `returning.py`.

In memory only: another process does not know of it, and says so, truthfully.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adapter.mqtt.connect import MQTT_5

if TYPE_CHECKING:
    from adapter.counters import FrontEndCounters
    from adapter.model import Connect, Identity
    from adapter.mqtt.exactly_once import Exchanges
    from adapter.mqtt.ports import Timers

LONGEST = 86_400  # seconds: no device that is away for longer waits for answers to what it sent before


def expiry(connect: Connect) -> int:
    """For how many seconds after its connection the session is kept."""
    if connect.level == MQTT_5:
        return min(connect.session_expiry, LONGEST)
    return 0 if connect.clean_start else LONGEST


@dataclass(eq=False, slots=True)
class KeptSession:
    """`until` in monotonic seconds; `exchanges` is None when it never had any."""

    until: float
    exchanges: Exchanges | None
    timer: Any = None  # forgets it in time; only with exchanges

    def end(self) -> None:
        """It is over."""
        if self.exchanges is not None:
            self.exchanges.end()


class KeptSessions:
    """Beyond `limit` the one that was left first is forgotten, and counted.

    Those whose time is over are forgotten at once only if they had QoS 2 exchanges.
    """

    def __init__(self, limit: int, timers: Timers, counters: FrontEndCounters) -> None:
        self._limit = limit
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
            self._drop(next(iter(self._sessions)))
            self._counters.sessions_forgotten += 1
        # What the plugins keep for a connection ends with it.
        key = replace(identity, plugin_session=None)
        self._sessions[key] = session
        self._counters.sessions_kept = len(self._sessions)
        if exchanges is not None:
            session.timer = self._timers.call_later(seconds, self._drop, key)

    def resume(self, identity: Identity, *, clean: bool) -> KeptSession | None:
        """The very same device has come: its session, if it is still there and is not to begin anew."""
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
            session.timer.cancel()  # devices come and go more often than a day has seconds
        self._counters.sessions_kept = len(self._sessions)
        return session
