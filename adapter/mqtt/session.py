"""One connection's protocol state: bytes in, bytes out, no I/O of its own. MQTT 3.1.1 and 5.0.

    NEW ──CONNECT──▶ AUTHENTICATING ──accepted──▶ OPEN ──DISCONNECT, error, timeout, takeover, shutdown──▶ CLOSED
     └───────────────────┴── refused, timeout ─────────────────────────────────────────────────────────────▶

`inbound.py` cuts the bytes into packets; `publish_flow.py` handles PUBLISH, `admission.py` CONNECT and `control.py` all
other packets.
"""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import LimitError, ProtocolError
from adapter.model import DeliveryStatus
from adapter.mqtt.admission import Admission
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.control import take_control_packet
from adapter.mqtt.handshake import keep_alive
from adapter.mqtt.inbound import CLOSED, Inbound, State
from adapter.mqtt.kept_sessions import expiry
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.pause import Pause
from adapter.mqtt.publish_flow import PublishFlow
from adapter.mqtt.receipts import asks_for_receipts
from adapter.mqtt.replies import encode_disconnect
from adapter.mqtt.turns import CONNECT
from adapter.reasons import CloseCause, Reason, ReasonCode

if TYPE_CHECKING:
    from adapter.model import Connect, Identity, Outcome
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.ports import LookUp, Wire
    from adapter.mqtt.receive_buffer import ReceiveBuffer
    from adapter.peer import Peer

DISCONNECT = PacketType.DISCONNECT << 4
KEEP_ALIVE_FACTOR = 1.5  # [MQTT-3.1.2-24, 5.0: 3.1.2-22]


class Session(Inbound):
    """`level` is 0 before the CONNECT, then 4 (3.1.1) or 5. `watched_second` belongs to `Deadlines`."""

    __slots__ = (
        "_at_eof",
        "_connect_by",
        "_keep_alive",
        "_tenant",
        "client_id",
        "level",
        "peer_packet_limit",
        "problem_information",
        "question",
        "session_expiry",
        "wants_receipts",
        "watched_second",
    )

    def __init__(self, frontend: Frontend, wire: Wire, peer: Peer) -> None:
        super().__init__(frontend, wire, peer)
        self.level = 0
        self.peer_packet_limit: int | None = None
        self.problem_information = True
        self.question: LookUp | None = None  # whether its credentials are right
        self.wants_receipts = False
        self.watched_second = 0
        self.client_id = ""
        self._tenant: str | None = None
        self._at_eof = False
        self._keep_alive = 0.0
        self.session_expiry = 0
        self._connect_by = self._last_received + frontend.config.connect_timeout
        frontend.sessions[self] = None
        frontend.deadlines.watch(self, self._connect_by)

    def take_packet(self, kind: PacketType, body: bytes) -> None:
        """Take a packet other than PUBLISH."""
        if kind is PacketType.CONNECT:
            self.frontend.openings.charge(CONNECT)
            Admission(self).begin(body)
        else:
            take_control_packet(self, kind, body)

    def refuse_connect(self, body: bytes, error: ProtocolError) -> bool:
        """Refuse a CONNECT that is not decoded."""
        return Admission(self).refuse_unread(body, error)

    # -- CONNECT: what `Admission` does to its session -----------------------------------------------------------------

    @property
    def is_authenticating(self) -> bool:
        """Whether the CONNECT is still to be answered."""
        return self._state is State.AUTHENTICATING

    @property
    def is_over(self) -> bool:
        """Whether the connection has ended."""
        return self._state is CLOSED

    def authenticating(self, size: int) -> bool:
        """The CONNECT is well-formed and within the limits: take nothing more until it is answered.

        False: unauthenticated connections hold too many bytes, and this one was closed.
        """
        self._state = State.AUTHENTICATING
        self.pause(Pause.AUTHENTICATION)
        return self._may_hold(size - self._before_open)

    def open(self, identity: Identity, connect: Connect) -> bool:
        """The CONNECT is accepted; the CONNACK follows. Returns Session Present."""
        frontend = self.frontend
        self._tenant = identity.tenant
        self._keep_alive = keep_alive(connect, frontend.config) * KEEP_ALIVE_FACTOR
        self.session_expiry = expiry(connect)
        self._state = State.OPEN
        self.is_open = True
        self.wants_receipts = frontend.config.kafka_receipt and asks_for_receipts(connect)
        frontend.counters.receipts_wanted += self.wants_receipts
        self._flow = PublishFlow(self, identity, frontend.recall_pending(identity))
        frontend.bytes_before_open -= self._before_open
        frontend.deadlines.forget(self)
        if self._keep_alive:
            frontend.deadlines.watch(self, frontend.time() + self._keep_alive)
        kept = frontend.kept_sessions.resume(identity, clean=connect.clean_start)
        if kept is not None:
            self._flow.exchanges = kept.exchanges
        return kept is not None

    def release(self, packet_id: bytes) -> bool:
        """Handle a PUBREL, after sending earlier answers. Returns whether its packet identifier was in use."""
        flow = self._flow
        assert flow is not None, "the session is open"
        if flow.answers_ready:  # among them may be the PUBREC of this identifier
            flow.flush_answers()
        return flow.release(packet_id)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def pause(self, why: int) -> None:
        """Stop taking packets and reading; while waiting for Kafka a little is still read ahead."""
        if self._state is CLOSED:  # what still arrives is read and discarded, so that the device gets our last packet
            return
        if not self.pauses:
            self.frontend.counters.paused += 1
            self.frontend.unfinished.done(self)  # the rest may have arrived unread
        self.pauses |= why
        if why & ~Pause.READS_AHEAD:
            self._wire.pause_reading()

    def resume(self, why: int) -> None:
        """Remove this reason; if it was the last one, process the held bytes, then read the socket again."""
        if not self.pauses & why:
            return
        self.pauses &= ~why
        if self.pauses or self._state is CLOSED:
            return
        self.frontend.counters.paused -= 1
        now = self._last_received = self.frontend.time()  # a pause of ours is not silence of the device
        self._wire.resume_reading()
        held, self._held = self._held, None
        if held is not None:
            if self._flow is not None:
                self._flow.waited_seconds = now - held.read_at
            self._process(held.data, now)
            if self._flow is not None:
                self._flow.waited_seconds = 0.0
        if self._at_eof and not self.pauses:
            self._close(CloseCause.CONNECTION_LOST)

    def yield_turn(self) -> None:
        """Take nothing more in this turn of the event loop: its budget is exhausted."""
        if not self.pauses & Pause.TURN and self._state is not CLOSED:
            self.pause(Pause.TURN)
            self._line.wait(self)

    def next_turn(self) -> None:
        """Continue: the session's turn has come."""
        self.resume(Pause.TURN)

    def drain(self) -> None:
        """The adapter is stopping: take no more packets."""
        self.pause(Pause.DRAIN)

    def check_deadline(self, now: float) -> None:
        """Called by `Deadlines` when the time given to it is over."""
        if self._state is State.OPEN:
            if self.pauses:  # we are not reading, so it may have sent something
                self._last_received = now
            deadline = self._last_received + self._keep_alive
            if now < deadline:
                self.frontend.deadlines.watch(self, deadline)
            else:
                self.end(ReasonCode.KEEP_ALIVE_TIMEOUT, CloseCause.KEEP_ALIVE)
        elif self._state is State.NEW:
            self.end(None, CloseCause.CONNECT_TIMEOUT)
        # While AUTHENTICATING, the time limit of the plugins applies.

    # -- bytes out, and the end ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send whole packets; the caller counts them by type."""
        self.frontend.counters.bytes_sent += len(data)
        self._wire.write(data)

    def reply(self, packet: bytes, times: int = 1) -> None:
        """Send a packet; one larger than the client's Maximum Packet Size counts as sent [MQTT-3.1.2-25]."""
        if self.peer_packet_limit is None or len(packet) <= self.peer_packet_limit:
            self.frontend.counters.packets_sent[packet[0] >> 4] += times
            self.write(packet * times)

    def fail(self, outcome: Outcome) -> None:
        """A message will never be acknowledged: end the connection, so that the device keeps it and returns."""
        self.pause(Pause.FAILED)
        frontend = self.frontend
        if outcome.reason is Reason.SHUTDOWN:
            return  # `close_all` follows
        frontend.log.warning(
            "message failed, closing",
            client_id=self.client_id,
            peer=self.peer.address,
            reason=outcome.reason,
            text=outcome.text,
        )
        if outcome.status is DeliveryStatus.REFUSED:
            self.end(None, CloseCause.MESSAGE_REFUSED)
        else:
            end = partial(self.end, ReasonCode.SERVER_BUSY, CloseCause.DELIVERY_TIMEOUT)
            frontend.close_paced(end, random.random())  # noqa: S311 - jitter

    def end_for(self, error: ProtocolError) -> None:
        if isinstance(error, LimitError):
            self.frontend.counters.limited[error.limit] += 1
        self.frontend.log.warning(
            "protocol error",
            peer=self.peer.address,
            client_id=self.client_id,
            code=error.code.name,
            text=error.text,
        )
        self.end(error.code, CloseCause.PROTOCOL_ERROR, error.text)

    def abandon(self, fault: Exception) -> None:
        """A bug in our own code: close without a DISCONNECT, because writing may be what failed."""
        self.frontend.log.warning(
            "internal error, closing", client_id=self.client_id, peer=self.peer.address, exc_info=fault
        )
        self._close(CloseCause.INTERNAL_ERROR)

    def end(self, code: ReasonCode | None, cause: CloseCause, text: str | None = None) -> None:
        """Close, once; an open 5.0 connection is sent a DISCONNECT with the reason first [MQTT-4.13.1-1]."""
        if self._state is State.OPEN and self.level == MQTT_5 and code is not None:
            reason = text if self.problem_information else None
            self.reply(encode_disconnect(code, reason, limit=self.peer_packet_limit))
        self._close(cause)

    def eof(self) -> bool:
        """The device sends nothing more. Returns whether to keep the socket, for held packets are still to be taken."""
        nothing_else = self._state is State.AUTHENTICATING and self._held is None  # and nobody for the CONNACK
        self._at_eof = bool(self.pauses) and self._state is not CLOSED and not nothing_else
        return self._at_eof

    def gone(self) -> None:
        """The socket is closed, by either side. Pending messages stay in their lanes."""
        self._close(CloseCause.CONNECTION_LOST)
        self._flow = None  # they hold each other; pending messages hold the flow as long as it is needed

    def _close(self, cause: CloseCause) -> None:
        if self._state is CLOSED:
            return
        frontend = self.frontend
        self._state = CLOSED
        self.is_open = False
        frontend.counters.closed[cause] += 1
        frontend.counters.receipts_wanted -= self.wants_receipts and self._flow is not None
        if self.pauses:
            frontend.counters.paused -= 1
        if self.question is not None:
            self.question.cancel()
            self.question = None
        frontend.deadlines.forget(self)
        frontend.unfinished.done(self)
        frontend.unregister(self, self._tenant, self.client_id)
        frontend.sessions.pop(self, None)
        held, self._held = self._held, None
        if self._flow is None:
            frontend.bytes_before_open -= self._before_open
        else:
            self._flow.connection_ended()
            if held is not None:
                self._take_goodbye(held)
            frontend.remember_pending(self._flow)
            frontend.kept_sessions.keep(self._flow.identity, self.session_expiry, self._flow.exchanges)
            frontend.wills.left(self, cause, self.session_expiry)
        self._wire.close()

    def _take_goodbye(self, held: ReceiveBuffer) -> None:
        """A DISCONNECT that was read counts, though publishes in front of it had to wait [MQTT-3.14.4-3, 3.1.2-10]."""
        body = held.find(DISCONNECT)
        if body is not None:
            with suppress(ProtocolError):
                take_control_packet(self, PacketType.DISCONNECT, body)
