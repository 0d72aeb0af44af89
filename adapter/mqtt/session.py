"""One connection's protocol state: bytes in, bytes out, no I/O of its own. MQTT 3.1.1 and 5.0.

    NEW ──CONNECT──▶ AUTHENTICATING ──accepted──▶ OPEN ──DISCONNECT, error, timeout, takeover, shutdown──▶ CLOSED
     └───────────────────┴── refused, timeout ─────────────────────────────────────────────────────────────▶

Publishes are `publish_flow.py`'s; everything else a client can send is answered here. Bytes that cannot be
processed yet (a packet's first half, or a pause) are held; during a pause little or nothing more is read, so what is
held is at most one packet and two reads.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import ConnectRefusedError, MalformedPacketError, ProtocolError
from adapter.model import Fate, Identity, Outcome
from adapter.mqtt.connect import MQTT_5, decode_connect
from adapter.mqtt.disconnect import decode_disconnect
from adapter.mqtt.framing import remaining_length
from adapter.mqtt.handshake import accepted, level_to_answer_in, reason_to_refuse, refused
from adapter.mqtt.held import Held
from adapter.mqtt.kept_sessions import LONGEST, expiry
from adapter.mqtt.packet_types import FIXED_FLAGS, PacketType
from adapter.mqtt.pause import Pause
from adapter.mqtt.publish_flow import PUBLISH_TYPE, SHORTEST, PublishFlow
from adapter.mqtt.replies import PINGRESP, encode_disconnect, encode_suback, encode_unsuback
from adapter.mqtt.subscribe import decode_subscribe, decode_unsubscribe
from adapter.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from adapter.model import Connect
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.ports import Wire

KEEP_ALIVE_FACTOR = 1.5  # [MQTT-3.1.2-24, 5.0: 3.1.2-22]
ASSIGNED_ID_BYTES = 12


class State(Enum):
    """See the picture above."""

    NEW = "new"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSED = "closed"


CLOSED = State.CLOSED  # looked up for every read


class Session:
    """`level` is 0 before the CONNECT, then 4 (3.1.1) or 5. `watched_second` belongs to `Deadlines`."""

    __slots__ = (
        "_at_eof",
        "_client_id",
        "_connect_by",
        "_flow",
        "_held",
        "_keep_alive",
        "_last_received",
        "_peer",
        "_session_expiry",
        "_state",
        "_tenant",
        "_wire",
        "frontend",
        "is_open",
        "level",
        "pauses",
        "peer_packet_limit",
        "problem_information",
        "watched_second",
    )

    def __init__(self, frontend: Frontend, wire: Wire, peer: str) -> None:
        self.frontend = frontend
        self.level = 0
        self.is_open = False  # whether packets may be sent to the device: the state is OPEN
        self.peer_packet_limit: int | None = None
        self.problem_information = True
        self.watched_second = 0
        self._wire = wire
        self._peer = peer
        self._state = State.NEW
        self._flow: PublishFlow | None = None
        self._client_id = ""
        self._tenant: str | None = None
        self._held: Held | None = None
        self._at_eof = False
        self.pauses = 0
        self._keep_alive = 0.0
        self._session_expiry = 0
        self._last_received = frontend.time()
        self._connect_by = self._last_received + frontend.config.connect_timeout
        frontend.sessions[self] = None
        frontend.deadlines.watch(self, self._connect_by)

    # -- bytes in --------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """What the socket brought. Never raises for what a peer sent."""
        frontend = self.frontend
        now = self._last_received = frontend.time()
        frontend.counters.bytes_received += len(data)
        if self._held is None:
            flow = self._flow
            if flow is not None and self.is_open and not self.pauses and flow.take_alike(data, now):
                return
        else:
            held = self._held
            held.add(data)
            if self.pauses:
                self._answer_pings(held)
                return
            if not held.complete:
                return
            data = held.bytes
            self._held = None
        self._process(data)

    def _process(self, data: bytes) -> None:
        pos = 0
        end = len(data)
        try:
            while not self.pauses and end - pos >= SHORTEST and self._state is not CLOSED:
                if self._flow is not None and data[pos] >> 4 == PUBLISH_TYPE:
                    after = self._flow.take(data, pos, end)
                else:
                    after = self._take_packet(data, pos, end)
                if after == pos:
                    break
                pos = after
        except ProtocolError as error:
            self._end_for(error)
        if pos < end and self._state is not CLOSED:
            self._held = Held(data[pos:])
            if self.pauses:
                self._answer_pings(self._held)
        if self._flow is not None and self._flow.answers_ready:
            self._flow.flush_answers()

    def _answer_pings(self, held: Held) -> None:
        """Answer what need not wait while publishes wait for Kafka, and read on for it, a little."""
        if self.pauses & ~Pause.WAITS_FOR_KAFKA:
            return
        for _ in range(held.take_pings()):
            self.frontend.counters.packets_received[PacketType.PINGREQ] += 1
            self._reply(PINGRESP)
        if held.enough:
            self._wire.pause_reading()

    def _take_packet(self, data: bytes, pos: int, end: int) -> int:
        first = data[pos]
        if self._state is State.NEW and first >> 4 != PacketType.CONNECT:  # no need to wait for the rest of it
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "the first packet is not a CONNECT [MQTT-3.1.0-1]")
        header = remaining_length(data, pos + 1)
        if header is None:
            return pos
        length, start = header
        if start - pos + length > self.frontend.config.max_packet_size:
            raise ProtocolError(ReasonCode.PACKET_TOO_LARGE, "the packet is larger than this server takes")
        if start + length > end:
            return pos
        kind = first >> 4
        self.frontend.counters.packets_received[kind] += 1
        if kind == PacketType.CONNECT and self._state is not State.NEW:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a second CONNECT [MQTT-3.1.0-2]")
        if FIXED_FLAGS.get(kind) != first & 0x0F:
            raise MalformedPacketError("reserved type or flags of the fixed header [MQTT-2.2.2-2, 5.0: 2.1.3-1]")
        self._dispatch(PacketType(kind), data[start : start + length])
        return start + length

    def _dispatch(self, kind: PacketType, body: bytes) -> None:
        level = self.level
        match kind:
            case PacketType.PINGREQ:
                if body:
                    raise MalformedPacketError("a PINGREQ has no body")
                self._reply(PINGRESP)  # [MQTT-3.12.4-1]
            case PacketType.DISCONNECT:
                disconnect = decode_disconnect(body, level)
                if disconnect.session_expiry and not self._session_expiry:  # 5.0 section 3.14.2.2.2
                    raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a session expiry after one of 0 in the CONNECT")
                if disconnect.session_expiry is not None:
                    self._session_expiry = min(disconnect.session_expiry, LONGEST)
                self._close("client_disconnect")
            case PacketType.CONNECT:
                self._connect(body)
            case PacketType.SUBSCRIBE:
                # There is nothing to subscribe to. Every filter is refused; the connection goes on [MQTT-3.8.4-1].
                packet_id, count = decode_subscribe(body, level)
                self._reply(encode_suback(level, packet_id, count, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR))
            case PacketType.UNSUBSCRIBE:
                packet_id, count = decode_unsubscribe(body, level)  # [MQTT-3.10.4-4]
                self._reply(encode_unsuback(level, packet_id, count, ReasonCode.NO_SUBSCRIPTION_EXISTED))
            case _:
                # Acknowledgements of what we never sent, packets that only servers send, AUTH without a method.
                raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"{kind.name} is not expected here")

    # -- CONNECT -------------------------------------------------------------------------------------------------------

    def _connect(self, body: bytes) -> None:
        try:
            connect = decode_connect(body)
        except (ConnectRefusedError, ProtocolError) as error:
            self.level = level_to_answer_in(body)
            if isinstance(error, ProtocolError) and self.level != MQTT_5:
                raise  # 3.1.1 closes without an answer [MQTT-4.8.0-1]
            self._refuse(ConnectRefusedError(error.code, error.text))  # 5.0 section 4.13.1
            return
        frontend = self.frontend
        self.level = connect.level
        self.problem_information = connect.request_problem_information
        self.peer_packet_limit = connect.maximum_packet_size
        self._keep_alive = connect.keep_alive * KEEP_ALIVE_FACTOR
        self._session_expiry = expiry(connect)
        assigned = not connect.client_id
        if assigned:
            connect = replace(connect, client_id="auto-" + secrets.token_hex(ASSIGNED_ID_BYTES))
        self._client_id = connect.client_id
        refusal = reason_to_refuse(connect, frontend)
        if refusal is not None:
            self._refuse(refusal)
            return
        self._state = State.AUTHENTICATING
        frontend.admitted += 1
        self.pause(Pause.AUTHENTICATION)
        frontend.gate.authenticate(connect, self._peer, partial(self._authenticated, connect, assigned=assigned))

    def _authenticated(self, connect: Connect, result: Identity | ConnectRefusedError, *, assigned: bool) -> None:
        if self._state is not State.AUTHENTICATING:
            return
        if isinstance(result, ConnectRefusedError):
            self._refuse(result)
            return
        frontend = self.frontend
        self._tenant = result.tenant
        frontend.register(self, result.tenant, self._client_id)
        self._state = State.OPEN
        self.is_open = True
        self._flow = PublishFlow(self, result, frontend.recall_pending(result))
        present = frontend.kept_sessions.resume(result, clean=connect.clean_start)
        self._reply(accepted(connect, frontend.config, assigned=assigned, session_present=present))
        frontend.deadlines.forget(self)
        if self._keep_alive:
            frontend.deadlines.watch(self, frontend.time() + self._keep_alive)
        self.resume(Pause.AUTHENTICATION)

    def _refuse(self, error: ConnectRefusedError) -> None:
        """Answer the CONNECT with the reason, and close [MQTT-3.2.2-5, 5.0: 3.2.2-7]."""
        self.frontend.counters.connects_refused[error.code] += 1
        self.frontend.log.warning(
            "connection refused", peer=self._peer, client_id=self._client_id, code=error.code.name, text=error.text
        )
        limit = self.peer_packet_limit
        self._reply(refused(self.level, error, reason_string=self.problem_information, limit=limit))
        self._close("refused")

    # -- waiting ---------------------------------------------------------------------------------------------------

    def pause(self, why: int) -> None:
        """Take no packets for now, and read nothing more; for Kafka's sake, only a little more."""
        if not self.pauses:
            self.frontend.counters.paused += 1
        self.pauses |= why
        if why & ~Pause.WAITS_FOR_KAFKA:
            self._wire.pause_reading()

    def resume(self, why: int) -> None:
        """This reason is gone; when it was the last one, go on with what is held, then with the socket."""
        if not self.pauses & why:
            return
        self.pauses &= ~why
        if self.pauses or self._state is CLOSED:
            return
        self.frontend.counters.paused -= 1
        self._last_received = self.frontend.time()  # our pause is not the device's silence
        self._wire.resume_reading()
        if self._held is not None:
            held, self._held = self._held.bytes, None
            self._process(held)
        if self._at_eof and not self.pauses:
            self._close("connection_lost")

    def drain(self) -> None:
        """The adapter stops: take nothing more."""
        self.pause(Pause.DRAIN)

    def check_deadline(self, now: float) -> None:
        """Called by `Deadlines` about when the session asked for it."""
        if self._state is State.OPEN:
            if self.pauses:  # it cannot be heard, because we do not listen
                self._last_received = now
            deadline = self._last_received + self._keep_alive
            if now < deadline:
                self.frontend.deadlines.watch(self, deadline)
            else:
                self.end(ReasonCode.KEEP_ALIVE_TIMEOUT, "keep_alive")
        elif self._state is State.NEW:
            self.end(None, "connect_timeout")
        # While AUTHENTICATING the plugin host's own time limit holds.

    # -- bytes out, and the end ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send whole packets, counted by type elsewhere."""
        self.frontend.counters.bytes_sent += len(data)
        self._wire.write(data)

    def _reply(self, packet: bytes) -> None:
        """Send a packet, unless the client takes none of its size: then it is as if it were sent [MQTT-3.1.2-25]."""
        if self.peer_packet_limit is None or len(packet) <= self.peer_packet_limit:
            self.frontend.counters.packets_sent[packet[0] >> 4] += 1
            self.write(packet)

    def fail(self, outcome: Outcome) -> None:
        """A message will never be acknowledged: end the connection, so that the device keeps it and comes back."""
        self.pause(Pause.FAILED)
        frontend = self.frontend
        if outcome.reason is Reason.SHUTDOWN:
            return  # `close_all` follows
        frontend.log.warning(
            "message failed, closing",
            client_id=self._client_id,
            peer=self._peer,
            reason=outcome.reason,
            text=outcome.text,
        )
        if outcome.fate is Fate.REFUSED:
            self.end(None, "message_refused")
        else:
            end = partial(self.end, ReasonCode.SERVER_BUSY, "delivery_timeout")
            frontend.close_paced(end, random.random())  # noqa: S311 - jitter

    def _end_for(self, error: ProtocolError) -> None:
        self.frontend.log.warning(
            "protocol error", peer=self._peer, client_id=self._client_id, code=error.code.name, text=error.text
        )
        self.end(error.code, "protocol_error", error.text)

    def end(self, code: ReasonCode | None, cause: str, text: str | None = None) -> None:
        """Close, once; a 5.0 device that is connected is told why first [MQTT-4.13.1-1]."""
        if self._state is State.OPEN and self.level == MQTT_5 and code is not None:
            reason = text if self.problem_information else None
            self._reply(encode_disconnect(code, reason, limit=self.peer_packet_limit))
        self._close(cause)

    def eof(self) -> bool:
        """The device sends nothing more. Whether to keep the socket: there is still to take what it sent."""
        self._at_eof = bool(self.pauses) and self._state is not CLOSED
        return self._at_eof

    def gone(self) -> None:
        """The socket is closed, by whomever. What is pending stays in its lanes."""
        self._close("connection_lost")

    def _close(self, cause: str) -> None:
        if self._state is CLOSED:
            return
        frontend = self.frontend
        frontend.admitted -= self._state is not State.NEW
        self._state = CLOSED
        self.is_open = False
        frontend.counters.closed[cause] += 1
        if self.pauses:
            frontend.counters.paused -= 1
        frontend.deadlines.forget(self)
        frontend.unregister(self, self._tenant, self._client_id)
        frontend.sessions.pop(self, None)
        if self._flow is not None:
            frontend.budget.forget(self._flow)
            frontend.remember_pending(self._flow)
            frontend.kept_sessions.keep(self._flow.identity, self._session_expiry)
        self._wire.close()
