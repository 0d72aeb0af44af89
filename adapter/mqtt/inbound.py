"""The inbound bytes of a connection: cut into packets, or held while they cannot be taken.

Bytes are held while their packet is incomplete or the session is paused. During a pause little or nothing more is
read, so at most one packet and two reads are held.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING

from adapter.errors import LimitError, MalformedPacketError, ProtocolError
from adapter.mqtt.connect import MQTT_5, peek_level
from adapter.mqtt.framing import remaining_length
from adapter.mqtt.packet_types import FIXED_FLAGS, PacketType
from adapter.mqtt.pause import Pause
from adapter.mqtt.publish_flow import PUBLISH_TYPE, SHORTEST, TOO_LARGE, PublishFlow
from adapter.mqtt.receive_buffer import ReceiveBuffer
from adapter.mqtt.replies import PINGRESP
from adapter.mqtt.turns import CONTROL_PACKET, size_cost
from adapter.reasons import CloseCause, Limit, ReasonCode

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.ports import Wire
    from adapter.mqtt.turns import Turns
    from adapter.peer import Peer

PUBREL_BYTE = 0x62
PUBRELS_A_UNIT = 8  # bytes: two of them cost one unit of the turn's budget


class State(Enum):
    """States of a session; `session.py` has the diagram."""

    NEW = "new"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSED = "closed"


CLOSED = State.CLOSED  # a global is faster, and this is read for every read of a socket


class Inbound(ABC):
    """The reading half of a `Session`."""

    client_id: str
    level: int

    __slots__ = (
        "_before_open",
        "_flow",
        "_held",
        "_last_received",
        "_state",
        "_wire",
        "frontend",
        "is_open",
        "pauses",
        "peer",
    )

    def __init__(self, frontend: Frontend, wire: Wire, peer: Peer) -> None:
        self.frontend = frontend
        self.peer = peer
        self.is_open = False  # whether packets may be sent to the device: the state is OPEN
        self.pauses = 0
        self._wire = wire
        self._state = State.NEW
        self._flow: PublishFlow | None = None
        self._held: ReceiveBuffer | None = None
        self._before_open = 0  # bytes held before the session was open
        self._last_received = frontend.time()

    @abstractmethod
    def take_packet(self, kind: PacketType, body: bytes) -> None:
        """Take a packet other than PUBLISH, without its fixed header. Raises ProtocolError."""

    @abstractmethod
    def refuse_connect(self, body: bytes, error: ProtocolError) -> bool:
        """Refuse a CONNECT of which `body` has arrived. False: 3.1.1 has no answer to it."""

    @abstractmethod
    def yield_turn(self) -> None:
        """Take nothing more in this turn of the event loop."""

    @abstractmethod
    def reply(self, packet: bytes, times: int = 1) -> None:
        """Send a packet."""

    @abstractmethod
    def end(self, code: ReasonCode | None, cause: CloseCause, text: str | None = None) -> None:
        """Close, once."""

    @abstractmethod
    def end_for(self, error: ProtocolError) -> None:
        """Close because the peer violated the protocol, or a limit."""

    @property
    def backlog(self) -> int:
        """Bytes that are held."""
        return len(self._held) if self._held is not None else 0

    def receive(self, data: bytes) -> None:
        """Process bytes from the socket. Never raises for what a peer sent."""
        frontend = self.frontend
        now = frontend.time()
        frontend.counters.bytes_received += len(data)
        if self._held is None:
            flow = self._flow
            if flow is not None and self.is_open and not self.pauses and flow.take_same_shape(data, now):
                self._last_received = now
                return
        else:
            held = self._held
            held.add(data, now)
            if self._flow is None and not self._may_hold(len(data)):
                return
            if self.pauses:
                self._answer_pings(held)
                return
            if not held.complete:
                frontend.unfinished.grew(self, len(data))
                return
            data = held.data
            self._held = None
            frontend.unfinished.done(self)
        self._process(data, now)

    def _process(self, data: bytes, now: float) -> None:
        pos = 0
        end = len(data)
        try:
            while not self.pauses and end - pos >= SHORTEST and self._state is not CLOSED:
                if self._flow is not None and data[pos] >> 4 == PUBLISH_TYPE:
                    after = self._flow.take(data, pos, end)
                else:
                    after = self._take_in_turn(data, pos, end)
                if after == pos:
                    break
                pos = after
        except ProtocolError as error:
            self.end_for(error)
        if pos:  # keep-alive counts whole packets [MQTT-3.1.2-24, 5.0: 3.1.2-22]
            self._last_received = now
        if pos < end and self._state is not CLOSED:
            waited_seconds = self._flow.waited_seconds if self._flow is not None else 0.0
            now = self.frontend.time()
            self._held = ReceiveBuffer(data[pos:], now - waited_seconds)
            if self._flow is None and not self._may_hold(end - pos):
                return
            if self.pauses:
                self._answer_pings(self._held)
            else:
                self.frontend.unfinished.begun(self, now, end - pos)
        if self._flow is not None and self._flow.answers_ready:
            self._flow.flush_answers()

    def _may_hold(self, size: int) -> bool:
        """Before the session is open: count held bytes; False if they exceed the limit of all, and it was closed."""
        self._before_open += size
        if self.frontend.may_hold(size, self.peer.address):
            return True
        self.end(None, CloseCause.TURNED_AWAY)
        return False

    def _answer_pings(self, held: ReceiveBuffer) -> None:
        """Answer PINGREQ while publishes wait for Kafka, reading a little ahead to find it."""
        if self.pauses & ~Pause.READS_AHEAD:
            return
        pings = 0 if self.pauses & Pause.AUTHENTICATION else held.take_pings()
        if pings:
            self.frontend.counters.packets_received[PacketType.PINGREQ] += pings
            self.reply(PINGRESP, pings)
        if held.enough:
            self._wire.pause_reading()

    def _take_in_turn(self, data: bytes, pos: int, end: int) -> int:
        """Take a packet, or many PUBRELs; or nothing, when this turn's budget is exhausted."""
        turns = self._line
        if not turns.take(CONTROL_PACKET):
            self.yield_turn()
            return pos
        if data[pos] == PUBREL_BYTE and self._flow is not None:
            after = self._flow.release_all(data, pos, end)
            if after > pos:
                turns.charge((after - pos) // PUBRELS_A_UNIT)
                return after
        return self._take_connect(data, pos, end) if self._state is State.NEW else self._take_packet(data, pos, end)

    @property
    def _line(self) -> Turns:
        return self.frontend.turns if self._flow is not None else self.frontend.openings

    def _take_connect(self, data: bytes, pos: int, end: int) -> int:
        if data[pos] >> 4 != PacketType.CONNECT:  # without waiting for the rest of it
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "the first packet is not a CONNECT [MQTT-3.1.0-1]")
        header = remaining_length(data, pos + 1)
        if header is None:
            return pos
        length, start = header
        stop = start + length
        body = data[start:stop]
        config = self.frontend.config
        try:
            if stop - pos > config.max_packet_size:
                raise LimitError(ReasonCode.PACKET_TOO_LARGE, Limit.PACKET_SIZE, TOO_LARGE)
            if stop - pos > config.limits.connect_size:
                raise LimitError(ReasonCode.PACKET_TOO_LARGE, Limit.CONNECT_SIZE, TOO_LARGE)
            if stop > end:
                return pos
            if peek_level(body) == MQTT_5:
                remaining_length(data, pos + 1, minimal=True)
        except ProtocolError as error:
            if not self.refuse_connect(body, error):
                raise
            return pos
        self._take_whole(data[pos], body)
        return stop

    def _take_packet(self, data: bytes, pos: int, end: int) -> int:
        header = remaining_length(data, pos + 1, minimal=self.level == MQTT_5)
        if header is None:
            return pos
        length, start = header
        stop = start + length
        if stop - pos > self.frontend.config.max_packet_size:
            raise LimitError(ReasonCode.PACKET_TOO_LARGE, Limit.PACKET_SIZE, TOO_LARGE)
        if stop > end:
            return pos
        self._take_whole(data[pos], data[start:stop])
        return stop

    def _take_whole(self, first: int, body: bytes) -> None:
        self._line.charge(size_cost(len(body)))
        kind = first >> 4
        self.frontend.counters.packets_received[kind] += 1
        if kind == PacketType.CONNECT and self._state is not State.NEW:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a second CONNECT [MQTT-3.1.0-2]")
        if FIXED_FLAGS.get(kind) != first & 0x0F:
            raise MalformedPacketError("reserved type or flags of the fixed header [MQTT-2.2.2-2, 5.0: 2.1.3-1]")
        self.take_packet(PacketType(kind), body)
