"""What all connections share: limits, counters, the registry of client identifiers, the pace of closings."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from adapter.counters import FrontEndCounters, Ledger
from adapter.mqtt.deadlines import Deadlines
from adapter.mqtt.kept_sessions import KeptSessions
from adapter.mqtt.limits import Addresses, Limits
from adapter.mqtt.returning import Earlier
from adapter.mqtt.turns import Turns
from adapter.mqtt.unfinished import Unfinished
from adapter.mqtt.wills import Wills
from adapter.reasons import CloseCause, Limit, ReasonCode
from adapter.runs import Owner, RefusalRouting, no_dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adapter.model import Identity
    from adapter.mqtt.answers import Answers
    from adapter.mqtt.opening import Opening
    from adapter.mqtt.ports import Gate, Timers
    from adapter.mqtt.publish_flow import PublishFlow
    from adapter.mqtt.session import Session


class Budget(Protocol):
    """The byte budget that all connections share; see `adapter.delivery.budget`."""

    used: int
    soft: int

    def must_wait(self, pending_bytes: int) -> bool:
        """Whether a connection that holds `pending_bytes` may add nothing now."""

    def wait(self, waiter: PublishFlow) -> None:
        """Call `waiter.room_again` once there is room, a single time."""

    def forget(self, waiter: PublishFlow) -> None:
        """The connection has gone."""


class Log(Protocol):
    """The log for events that devices can cause; it limits their rate."""

    def warning(self, event: str, **fields: object) -> None:
        """Write a line, unless there were too many of this event."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Sizes in bytes, times in seconds. `max_record_size` is the largest record, headers included, that Kafka gets."""

    max_packet_size: int = 262_144
    max_connections: int = 50_000
    max_sessions: int = 50_000  # of devices that are not connected
    max_unreleased: int = 1_000_000  # QoS 2 messages between PUBREC and PUBREL, of all sessions
    handshake_timeout: float = 10.0  # for everything before MQTT: PROXY header, TLS, WebSocket
    connect_timeout: float = 10.0
    receive_maximum: int = 1000
    max_topic_length: int = 1024
    topic_alias_maximum: int = 64
    max_record_size: int = 262_144
    max_run_size: int = 65_536
    max_will_bytes: int = 67_108_864
    kafka_receipt: bool = True  # for devices that ask for it
    routes_cached: int = 64  # topics of a connection whose route is cached
    closings_spread: float = 30.0  # longest time over which the closings of a failed fleet are spread
    check_payload_format: bool = False
    server_keep_alive: int | None = None  # longest keep-alive of a 5.0 device
    limits: Limits = DEFAULT_LIMITS


# A failed fleet must not return at once. This is the lowest rate of closings; with more connections it is higher.
CLOSINGS_PER_SECOND = 100.0


class Frontend:
    """Shared by all sessions. `make_room`, if given, lets older QoS 0 messages give way to new ones over the budget."""

    def __init__(  # noqa: PLR0913, PLR0917 - what all connections share; made once
        self,
        config: MqttConfig,
        gate: Gate,
        budget: Budget,
        ledger: Ledger,
        timers: Timers,
        wall_ms: Callable[[], int],
        log: Log,
        *,
        route_refused: RefusalRouting = no_dead_letters,
        make_room: Callable[[Owner], bool] | None = None,
    ) -> None:
        self.config = config
        self.make_room = make_room
        self.gate = gate
        self.route_refused = route_refused
        self.budget = budget
        self.ledger = ledger
        self.timers = timers
        self.time = timers.time
        self.wall_ms = wall_ms
        self.log = log
        self.counters = FrontEndCounters()
        self.deadlines = Deadlines(timers)
        self.turns = Turns(timers, paced=True)  # packets and topics of devices that have been let in
        self.reads = Turns(timers)  # theirs, through TLS and WebSocket
        self.openings = Turns(timers, strict=True)  # of all who have not been let in
        self.addresses = Addresses(config.limits, timers.time)
        self.unfinished = Unfinished(self)
        self.sessions: dict[Session | Opening, None] = {}  # in order of arrival
        self.stamped = -1.0  # monotonic time at which `stamp_ms` was taken
        self.stamp_ms = 0
        self.draining = False
        self.bytes_before_open = 0  # held for connections that are not open yet
        self._registry: dict[tuple[str | None, str], Session] = {}
        self.wills = Wills(self)
        self.kept_sessions = KeptSessions(config.max_sessions, timers, self.counters, self.wills.session_ended)
        self._pending: dict[Identity, Earlier] = {}
        self._to_tell: deque[Answers] = deque()
        self._telling = False
        self._next_closing = 0.0

    def limited(self, limit: Limit, peer: str, client_id: str = "") -> None:
        """A limit was reached: count it, and log it at a limited rate."""
        self.counters.limited[limit] += 1
        self.log.warning("limit reached", limit=limit.value, peer=peer, client_id=client_id)

    def may_hold(self, size: int, peer: str) -> bool:
        """Count `size` bytes more of a connection that is not open; False if all such hold too many: it is to close."""
        self.bytes_before_open += size
        if self.bytes_before_open <= self.config.limits.unauthenticated_bytes:
            return True
        self.limited(Limit.UNAUTHENTICATED, peer)
        return False

    @property
    def is_full(self) -> bool:
        """Whether a new socket is closed at once: too many sessions are not open yet, or too many sockets linger."""
        waiting = len(self.sessions) - self.connected
        lingering = self.counters.connections - len(self.sessions)
        return max(waiting, lingering) >= self.config.limits.unauthenticated

    def stamp(self, now: float) -> None:
        """Read the wall clock for the records' timestamp, once per turn of the event loop."""
        self.stamped = now
        self.stamp_ms = self.wall_ms()

    def has_place(self, tenant: str | None, client_id: str) -> bool:
        """Whether an authenticated device may be accepted; a takeover needs no free place."""
        return self.connected < self.config.max_connections or (tenant, client_id) in self._registry

    def register(self, session: Session, tenant: str | None, client_id: str) -> None:
        """The connection is authenticated: end an older one of its client identifier [MQTT-3.1.4-2, 5.0: 3.1.4-3].

        Client identifiers are unique per tenant, so that no tenant can disconnect another's device.
        """
        old = self._registry.get((tenant, client_id))
        self._registry[tenant, client_id] = session
        if old is not None:
            old.end(ReasonCode.SESSION_TAKEN_OVER, CloseCause.TAKEN_OVER)

    def unregister(self, session: Session, tenant: str | None, client_id: str) -> None:
        """The connection has ended."""
        if self._registry.get((tenant, client_id)) is session:
            del self._registry[tenant, client_id]

    def remember_pending(self, flow: Answers) -> None:
        """The connection has ended: its device may come back for what it has pending."""
        if flow.window.unacknowledged:
            flow.earlier = self._pending.setdefault(flow.identity, Earlier())
            flow.earlier.add(flow)

    def recall_pending(self, identity: Identity) -> Earlier | None:
        """The device has come, the very same one: what its earlier connections have pending."""
        return self._pending.get(identity)

    def settled_pending(self, flow: Answers) -> None:
        """A connection that has gone has fewer messages pending, or none."""
        earlier = self._pending.get(flow.identity)
        if earlier is not None:
            earlier.settled(flow)
            if not earlier:
                del self._pending[flow.identity]

    def tell(self, flows: Iterable[Answers]) -> None:
        """Some of their entries have an outcome. A loop instead of recursion: each may add others, in a long chain."""
        self._to_tell.extend(flows)
        if self._telling:
            return
        self._telling = True
        try:
            while self._to_tell:
                flow = self._to_tell.popleft()
                try:
                    flow.settled()
                except Exception as fault:  # noqa: BLE001 - the others must hear of theirs
                    flow.abandon(fault)
        finally:
            self._telling = False

    @property
    def connected(self) -> int:
        """Connections that are authenticated and open."""
        return len(self._registry)

    def close_paced(self, close: Callable[[], None], jitter: float) -> None:
        """Call `close` when its turn comes, delayed by a further `jitter` (0 to 1) of the interval."""
        now = self.time()
        step = min(1 / CLOSINGS_PER_SECOND, self.config.closings_spread / max(1, self.connected))
        self._next_closing = max(now, self._next_closing) + step
        self.timers.call_later(self._next_closing - now + jitter * step, close)

    def stop_reading(self) -> None:
        """Drain: take no more packets. What is pending continues, and Wills are published."""
        self.draining = True
        for session in list(self.sessions):
            session.drain()
        self.wills.publish_all(CloseCause.SHUTDOWN)

    def close_all(self) -> None:
        """Close every connection; 5.0 devices are sent DISCONNECT 0x8B (Server shutting down)."""
        for session in list(self.sessions):
            session.end(ReasonCode.SERVER_SHUTTING_DOWN, CloseCause.SHUTDOWN)
