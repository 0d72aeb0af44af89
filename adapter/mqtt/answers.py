"""The acknowledgements of one connection: its window, PUBACKs and PUBRECs, and their fate after it has ended.

`PublishFlow` adds the messages. The settled front of the window is acknowledged in one write, in the order of the
PUBLISH packets. After the connection has ended, outcomes are passed to later connections that joined (`returning.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import MalformedPacketError
from adapter.model import ACKNOWLEDGED, DeliveryStatus
from adapter.mqtt.ack_window import AckWindow, Answer
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.exactly_once import PACKET_ID, PUBCOMP, QOS_2, SIZE, Exchanges, early_release
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.pause import Pause
from adapter.mqtt.receipts import at_index, encode_receipt
from adapter.mqtt.replies import encode_ack
from adapter.mqtt.returning import HANDED_OVER, Joined, is_pending
from adapter.reasons import PUBACK_CODE, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.model import Identity, Outcome
    from adapter.mqtt.ack_window import Entry
    from adapter.mqtt.returning import Earlier
    from adapter.mqtt.session import Session
    from adapter.runs import RecordMetadata, Route, Run

# By QoS: a successful PUBACK and PUBREC, without the packet identifier that follows. 5.0 allows to leave out Reason
# Code 0 and empty properties (sections 3.4.2.1 and 3.5.2.1).
SUCCESS = (b"", b"\x40\x02", b"\x50\x02")
QOS_BITS = 0x06  # of a PUBLISH's first byte
TYPE_FOR_QOS = 3  # plus the QoS: PUBACK, PUBREC


class Answers:
    """The `Owner` of the connection's runs, as delivery sees it. `answers_ready`: see `flush_answers`."""

    __slots__ = (
        "_failed",
        "_flushing",
        "_frontend",
        "_repeats",
        "_session",
        "_unreleased",
        "answers_ready",
        "earlier",
        "exchanges",
        "identity",
        "joined",
        "most_in_window",
        "pending_bytes",
        "position",
        "record_metadata",
        "waited_seconds",
        "window",
    )

    def __init__(self, session: Session, identity: Identity, earlier: Earlier | None) -> None:
        self._session = session
        self._frontend = session.frontend
        self.earlier = earlier
        self._failed = False  # the window has reached a message that ends the connection
        self._flushing = False
        self.answers_ready = False
        # QoS 2, by identifier: the entries of publishes that came again in their session, whose PUBRECs are not sent.
        self._repeats: dict[bytes, list[Answer | Joined]] | None = None
        self.exchanges: Exchanges | None = None  # of the session, once it has any
        self._unreleased: set[bytes] | None = None  # see `count_unreleased`
        self.identity = identity
        self.joined: dict[bytes, Joined] | None = None  # by later connections of the device
        self.most_in_window = self._frontend.config.receive_maximum
        self.pending_bytes = 0
        self.position: int | None = None  # see `Earlier`
        self.waited_seconds = 0.0
        self.record_metadata: dict[Entry, RecordMetadata] | None = {} if session.wants_receipts else None
        self.window = AckWindow()

    def _try_join(self, packet_id: bytes, payload: bytes, route: Route, qos: int) -> bool:
        """Whether this repeats a pending message: then one record and one outcome serve for both."""
        template = route.template
        origin = self.earlier.find(packet_id, payload, template) if self.earlier is not None else None
        if origin is not None:
            self._join_in(origin, packet_id, qos)
        elif not is_pending(self.window.find(packet_id), packet_id, payload, template):
            return False
        self._frontend.counters.joined += 1
        return True

    def _claim_packet_id(self, first: int, packet_id: bytes) -> bool:
        """Whether a QoS 2 message is new to the session; if so, its packet identifier is in use from now on."""
        if first & QOS_BITS == QOS_BITS:
            raise MalformedPacketError("QoS 3 [MQTT-3.3.1-4]")
        if self.exchanges is None:
            self.exchanges = Exchanges(self._frontend.counters)
        owners = self.exchanges.owners
        if packet_id in owners:
            return False
        owners[packet_id] = self
        return True

    def _release_claim(self, packet_id: bytes) -> None:
        """The packet that claimed this identifier was not taken."""
        assert self.exchanges is not None, "it was claimed there"
        del self.exchanges.owners[packet_id]

    def _answer_repeated(self, packet_id: bytes) -> bool:
        """Answer a QoS 2 PUBLISH whose identifier is in use; False if it is a new attempt and needs a record."""
        assert self.exchanges is not None, "it is in use"
        owners = self.exchanges.owners
        origin = owners[packet_id]
        if self._repeats is None:
            self._repeats = {}
        if origin is None:
            answer = Answer([packet_id], ACKNOWLEDGED, self._frontend.time(), QOS_2)
            self._repeats.setdefault(packet_id, []).append(answer)
            self._answer(answer)
        elif origin is not self:
            entry = origin.window.find(packet_id)
            if entry is None or entry.outcome not in {None, ACKNOWLEDGED}:  # it failed: this is a new attempt
                owners[packet_id] = self
                return False
            self._repeats[packet_id] = [self._join_in(origin, packet_id, QOS_2)]
        self._frontend.counters.joined += 1
        return True

    def _join_in(self, origin: Answers, packet_id: bytes, qos: int) -> Joined:
        if origin.joined is None:
            origin.joined = {}
        before = origin.joined.get(packet_id)
        if before is not None and before.successor is self:
            return before
        if self.record_metadata is not None and origin.record_metadata is None:
            origin.record_metadata = {}
        joined = origin.joined[packet_id] = Joined(self, packet_id, self._frontend.time(), qos)
        self.window.add(joined)
        if before is not None:  # of a closed connection: this one takes its place
            before.outcome = HANDED_OVER
            self._frontend.tell([before.successor])
        return joined

    def _answer(self, answer: Answer) -> None:
        self.window.add(answer)
        self.answers_ready = True

    def flush_answers(self) -> None:
        """Send the immediate answers. Not called from within `take`, which is not reentrant."""
        self.answers_ready = False
        self._flushing = True
        try:
            self.settled()
        finally:
            self._flushing = False

    def fail_connection(self, outcome: Outcome, packet_ids: list[bytes]) -> bool:
        """Whether this outcome of these messages ends the connection; if so, it takes nothing more from now on.

        MQTT 3.1.1 has no negative PUBACK: only closing tells the device. The same holds for messages that a 5.0 device
        must send again.

        A 5.0 device does not learn of a refusal either if its connection has ended, or is about to, and no later
        connection has joined the message: it will send it again, and then it may be accepted.
        """
        joined = self.joined or {}
        if outcome.status is DeliveryStatus.REFUSED:
            if self.hears_refusals:
                return False
            if all(packet_id in joined and joined[packet_id].successor.hears_refusals for packet_id in packet_ids):
                return False
        if self._session.is_open:
            self._session.pause(Pause.FAILED)
        # A connection that joined learns of it in its turn, and must not take further messages until then.
        for packet_id in packet_ids:
            if packet_id in joined:
                joined[packet_id].successor.fail_connection(outcome, [packet_id])
        return True

    @property
    def hears_refusals(self) -> bool:
        """Whether a refused message leaves the connection open, because the device is told."""
        session = self._session
        return session.is_open and session.level == MQTT_5 and not session.pauses & Pause.FAILED

    def settled(self) -> None:  # noqa: C901 - once a batch and connection: calls would show
        """Send the PUBACKs and PUBRECs of the settled front of the window, in one write."""
        entries = self.window.take_settled()
        session = self._session
        if not entries:
            return
        if self.exchanges is not None:
            self._settle_exchanges(self.exchanges, entries)
        if not session.is_open:
            self._pass_on(entries)
            return
        if self._failed:  # nothing behind the failed message may be acknowledged before it
            return
        counters = self._frontend.counters
        now = self._frontend.time()
        metadata = self.record_metadata
        out: list[bytes] = []
        failure: Outcome | None = None
        for entry in entries:
            outcome = entry.outcome
            packet_ids = entry.packet_ids
            qos = entry.qos
            if outcome is ACKNOWLEDGED:
                head = SUCCESS[qos]
                out.append(head + head.join(packet_ids) if metadata is None else self._receipts(entry, metadata))
            elif outcome is not None and outcome.status is DeliveryStatus.REFUSED and session.level == MQTT_5:
                out += self._negative(packet_ids, outcome, qos)
            else:
                failure = outcome
                break
            counters.packets_sent[qos + TYPE_FOR_QOS] += len(packet_ids)
            counters.puback_seconds.observe(now - entry.arrived, len(packet_ids))
        if out:
            session.write(b"".join(out))
        if failure is not None:
            self._failed = True
            session.fail(failure)
        elif session.pauses & Pause.WINDOW:
            self._refill_window()

    def _settle_exchanges(self, exchanges: Exchanges, entries: list[Entry]) -> None:
        exchanges.settle(self, entries)
        if self._repeats:
            for entry in entries:
                for packet_id in entry.packet_ids if isinstance(entry, Answer | Joined) else ():
                    repeats = self._repeats.get(packet_id, [])
                    if entry in repeats:
                        repeats.remove(entry)
                    if not repeats:
                        self._repeats.pop(packet_id, None)

    def _refill_window(self) -> None:
        if self._flushing:  # called by what takes packets, which must not call itself
            self._frontend.timers.call_later(0.0, self._session.resume, Pause.WINDOW)
        else:
            self._session.resume(Pause.WINDOW)

    def _pass_on(self, entries: list[Entry]) -> None:
        """The connection has ended: pass these outcomes to the later connections that joined."""
        successors: dict[Answers, None] = {}
        for entry in entries:
            place = self.record_metadata.pop(entry, None) if self.record_metadata else None
            for index, packet_id in enumerate(entry.packet_ids):
                joined = self.joined.pop(packet_id, None) if self.joined else None
                if joined is not None:
                    joined.outcome = entry.outcome
                    successors[joined.successor] = None
                    if place is not None and joined.successor.record_metadata is not None:
                        joined.successor.record_metadata[joined] = at_index(place, index)
        self._frontend.settled_pending(self)
        self._frontend.tell(successors)

    @property
    def successors(self) -> Iterable[Answers]:
        """See `Owner`."""
        return self.earlier.successors(self) if self.joined and self.earlier is not None else ()

    @property
    def joined_by(self) -> Iterable[Answers]:
        """The later connections that wait for outcomes of this one's messages."""
        return {joined.successor: None for joined in (self.joined or {}).values()}

    def _receipts(self, entry: Entry, record_metadata: dict[Entry, RecordMetadata]) -> bytes:
        head = SUCCESS[entry.qos]
        place = record_metadata.pop(entry, None)
        if place is None:  # acknowledged on receipt, repeated, or expired
            return head + head.join(entry.packet_ids)
        kind = PacketType(entry.qos + TYPE_FOR_QOS)
        limit = self._session.peer_packet_limit
        return b"".join(
            encode_receipt(kind, packet_id, at_index(place, index), limit) or head + packet_id
            for index, packet_id in enumerate(entry.packet_ids)
        )

    def _negative(self, packet_ids: list[bytes], outcome: Outcome, qos: int) -> list[bytes]:
        assert outcome.reason is not None
        self._frontend.log.warning(
            "message refused", client_id=self.identity.client_id, reason=outcome.reason.value, text=outcome.text
        )
        code = PUBACK_CODE.get(outcome.reason, ReasonCode.UNSPECIFIED_ERROR)
        session = self._session
        text = outcome.text if session.problem_information else None
        kind = PacketType(qos + TYPE_FOR_QOS)
        return [encode_ack(kind, packet_id, code, text, limit=session.peer_packet_limit) for packet_id in packet_ids]

    def release(self, packet_id: bytes) -> bool:
        """Handle a PUBREL: whether its packet identifier was in use; it is free now."""
        if self.exchanges is None:
            return False
        repeats = self._repeats.pop(packet_id, []) if self._repeats else []
        if any(isinstance(entry, Joined) for entry in repeats):
            raise early_release()
        if not self.exchanges.release(packet_id):
            return False
        for entry in repeats:  # the device has had its PUBREC: another one would be taken for that of a later message
            self.window.remove(entry)
        self._count_released([packet_id])
        return True

    def release_all(self, data: bytes, pos: int, end: int) -> int:
        """Answer consecutive PUBRELs in one write; returns where they end, or where one is for `release`."""
        if self.exchanges is None:
            return pos
        if self.answers_ready:  # among them may be the PUBREC of one of these identifiers
            self.flush_answers()
        if self._repeats:
            return pos
        after = self.exchanges.release_all(data, pos, end)
        ids = [data[at + PACKET_ID : at + SIZE] for at in range(pos, after, SIZE)]
        if ids:
            self._count_released(ids)
            counters = self._frontend.counters
            counters.packets_received[PacketType.PUBREL] += len(ids)
            limit = self._session.peer_packet_limit
            if limit is None or limit >= SIZE:
                counters.packets_sent[PacketType.PUBCOMP] += len(ids)
                self._session.write(PUBCOMP + PUBCOMP.join(ids))
        return after

    def count_unreleased(self, packet_ids: list[bytes]) -> None:
        """QoS 2: this connection has, or will have, the PUBRECs of these.

        5.0 counts them for Receive Maximum until their PUBCOMP [4.9]. In 3.1.1 the limit is ours, and only for what
        waits for Kafka: past it nothing is read, and a PUBREL would wait behind the publishes that wait for it.
        """
        if self._session.level == MQTT_5:
            if self._unreleased is None:
                self._unreleased = set()
            self._unreleased.update(packet_ids)
            self.most_in_window = self._frontend.config.receive_maximum - len(self._unreleased)

    def _count_released(self, packet_ids: list[bytes]) -> None:
        if self._unreleased is not None:
            self._unreleased.difference_update(packet_ids)
            self.most_in_window = self._frontend.config.receive_maximum - len(self._unreleased)

    def abandon(self, fault: Exception) -> None:
        """End the connection: see `Owner`."""
        self._session.abandon(fault)

    def split(self, run: Run) -> list[Run]:
        """Replace a run of several messages by its two halves."""
        parts = run.halves()
        if run.packet_ids:
            self.window.replace(run, parts)
            run.packet_ids = []  # tells those who found this run by a packet identifier to look again
        return parts
