"""How much of the adapter one peer may use. Reaching a limit is counted under its name, and logged at a limited rate.

An address is the one in the PROXY header, if there is one; an IPv6 /64 counts as one address, because that is what a
peer is assigned. Devices behind a NAT share an address, so by default addresses only slow down refusals; limits per
address are off unless the operator sets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.mqtt.pause import Pause
from adapter.peer import network_of
from adapter.reasons import Limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.session import Session

# Whatever the operator allows: decoding a packet must not take long.
MAX_USER_PROPERTIES = 1000
LOCAL = "local"  # a Unix socket: whoever may open it is trusted
# Addresses whose refusals and rate are remembered; beyond it the least recently used is forgotten.
ADDRESSES = 10_000
# Seconds for which a refusal counts against its address.
FORGIVEN_AFTER = 60.0
ROUNDING = 1e-6  # seconds
PATIENCE = 3  # refusals that are not delayed
FIRST_DELAY = 0.1  # seconds; doubled with each further refusal


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds; None: no limit. `unauthenticated` is for connections before their CONNACK."""

    unauthenticated: int = 10_000
    unauthenticated_bytes: int = 67_108_864
    connections_per_address: int | None = None
    connects_per_second: float | None = None
    connects_per_second_per_address: float | None = None
    refusal_delay: float = 5.0
    connect_size: int = 98_304
    packet_seconds: float = 60.0
    unfinished_bytes: int = 67_108_864
    slow_reader_seconds: float = 60.0
    bytes_per_second: int | None = None
    topic_levels: int = 128
    user_properties: int = 100


class Rate:
    """A limit per second that allows bursts of one second's worth."""

    __slots__ = ("_next", "_step")

    def __init__(self, per_second: float) -> None:
        self._step = 1 / per_second
        self._next = 0.0  # when the full burst will be available again

    def take(self, now: float) -> bool:
        """Whether one more is within the rate; `now` in monotonic seconds."""
        begin = max(self._next, now)
        if begin + self._step > now + max(1.0, self._step) + ROUNDING:
            return False
        self._next = begin + self._step
        return True


class _Address:
    __slots__ = ("connects", "forgiven_at", "refusals")

    def __init__(self) -> None:
        self.connects: Rate | None = None
        self.refusals = 0
        self.forgiven_at = 0.0


class Addresses:
    """Connections, CONNECT rate and refusals by address."""

    def __init__(self, limits: Limits, time: Callable[[], float]) -> None:
        self._limits = limits
        self._time = time
        self._open: dict[str, int] = {}
        self._known: dict[str, _Address] = {}  # the least recently used first
        rate = limits.connects_per_second
        self._connects = Rate(rate) if rate is not None else None

    def enter(self, address: str) -> bool:
        """Count a connection from this address. False: it has as many as it may, and this one is not counted."""
        most = self._limits.connections_per_address
        if most is None or address == LOCAL:
            return True
        key = network_of(address)
        count = self._open.get(key, 0)
        if count >= most:
            return False
        self._open[key] = count + 1
        return True

    def leave(self, address: str) -> None:
        """A counted connection has ended."""
        if self._limits.connections_per_address is None or address == LOCAL:
            return
        key = network_of(address)
        count = self._open.pop(key, 0) - 1
        if count > 0:
            self._open[key] = count

    def connect(self, address: str) -> Limit | None:
        """Count a CONNECT from this address; returns the limit that it exceeds, if any."""
        now = self._time()
        rate = self._limits.connects_per_second_per_address
        if rate is not None and address != LOCAL:
            known = self._recall(address)
            if known.connects is None:
                known.connects = Rate(rate)
            if not known.connects.take(now):
                return Limit.CONNECT_RATE_PER_ADDRESS
        if self._connects is not None and not self._connects.take(now):
            return Limit.CONNECT_RATE
        return None

    def refused(self, address: str) -> float:
        """Wrong credentials came from this address; returns how many seconds to delay the answer."""
        most = self._limits.refusal_delay
        if not most or address == LOCAL:
            return 0.0
        now = self._time()
        known = self._recall(address)
        if now >= known.forgiven_at:
            known.refusals = 0
        known.refusals += 1
        known.forgiven_at = now + FORGIVEN_AFTER
        steps = known.refusals - PATIENCE - 1
        return min(most, FIRST_DELAY * 2.0 ** min(steps, 30)) if steps >= 0 else 0.0

    def _recall(self, address: str) -> _Address:
        key = network_of(address)
        known = self._known.pop(key, None) or _Address()
        if len(self._known) >= ADDRESSES:
            del self._known[next(iter(self._known))]
        self._known[key] = known
        return known


class Throttle:
    """Stands in front of a session whose byte rate is limited: beyond it the socket is not read."""

    __slots__ = ("_frontend", "_paid", "_rate", "_session")

    def __init__(self, frontend: Frontend, session: Session, rate: int) -> None:
        self._frontend = frontend
        self._session = session
        self._rate = rate
        self._paid = 0.0  # when everything read so far will be within the rate

    def receive(self, data: bytes) -> None:
        """Pass the bytes on, then pause until they are within the rate."""
        session = self._session
        session.receive(data)
        now = self._frontend.time()
        self._paid = max(self._paid, now - 1.0) + len(data) / self._rate
        if self._paid > now and session.is_open and not session.pauses & Pause.RATE:
            self._frontend.limited(Limit.BYTES_PER_SECOND, session.peer.address, session.client_id)
            session.pause(Pause.RATE)
            self._frontend.timers.call_later(self._paid - now, session.resume, Pause.RATE)
