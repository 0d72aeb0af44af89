"""Which devices have a session that outlives its connection (Clean Session 0; 5.0: Session Expiry Interval).

Nobody subscribes here and QoS 2 is not offered, so a server's part of a session (3.1.1 section 4.1, 5.0 section 4.1) is
no more than that it exists. It is told in the CONNACK, Session Present, and matters: clients such as Paho's for C throw
away what they have in flight when it is 0, instead of sending it again. What a device has pending does not depend on
it, see `returning.py`.

In memory only: another process does not know of it, and says so, truthfully.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from adapter.mqtt.connect import MQTT_5

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.model import Connect, Identity

LONGEST = 86_400  # seconds: no device that is away for longer waits for answers to what it sent before


def expiry(connect: Connect) -> int:
    """For how many seconds after its connection the session is kept."""
    if connect.level == MQTT_5:
        return min(connect.session_expiry, LONGEST)
    return 0 if connect.clean_start else LONGEST


class KeptSessions:
    """Of devices that are not connected. Beyond `limit` the one that was left first is forgotten."""

    def __init__(self, limit: int, time: Callable[[], float]) -> None:
        self._limit = limit
        self._time = time
        self._until: dict[Identity, float] = {}

    def keep(self, identity: Identity, seconds: int) -> None:
        """Its connection has ended."""
        if seconds:
            if len(self._until) >= self._limit:
                del self._until[next(iter(self._until))]
            # What the plugins keep for a connection ends with it.
            self._until[replace(identity, plugin_session=None)] = self._time() + seconds

    def resume(self, identity: Identity, *, clean: bool) -> bool:
        """The very same device has come: whether its session is still there, and is not to begin anew."""
        until = self._until.pop(identity, None)
        return until is not None and not clean and self._time() < until
