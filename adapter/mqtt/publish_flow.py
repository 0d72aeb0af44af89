"""The publishes of one connection: PUBLISH bytes in, runs to their lanes, PUBACKs out. The hot path.

`take` decodes consecutive PUBLISH packets in one loop. What a topic needs (UTF-8 checks, authorisation, routing) is
done once and kept in a bounded cache under (type and flags, topic bytes, property bytes). Consecutive publishes with
the same key share a `Run`. A read that brings one publish that looks like the one before (a sensor with one message in
flight, always of one size) is not even decoded: only its packet identifier and payload are new.

A packet that cannot be taken now stays in the session's buffer, with everything behind it: that is what keeps the
order while a look-up, the window or the budget makes the connection wait.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import MalformedPacketError, ProtocolError
from adapter.model import ACKNOWLEDGED, Fate, Outcome, PublishHeader, Refusal, Route, Run
from adapter.mqtt.ack_window import AckWindow, Answer
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.framing import remaining_length
from adapter.mqtt.pause import Pause
from adapter.mqtt.replies import encode_puback
from adapter.mqtt.returning import HANDED_OVER, Joined, is_pending
from adapter.mqtt.topic_alias import PublishPrefixes
from adapter.mqtt.topic_names import decode_topic_name
from adapter.reasons import PUBACK_CODE, Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.model import Identity
    from adapter.mqtt.ack_window import Entry
    from adapter.mqtt.returning import Earlier
    from adapter.mqtt.session import Session

PUBLISH = 0x30
TYPE_BITS = 0xF0
DUP = 0x08
QOS_BITS = 0x06
RETAIN = 0x01
LONG = 0x80
PUBLISH_TYPE = 3
PUBACK_TYPE = 4
PUBACK_SUCCESS = (
    b"\x40\x02"  # packet identifier follows; 5.0 may leave out Reason Code 0 and empty properties (3.4.2.1)
)
QOS_3 = 3
PACKET_ID = 2  # bytes
SHORTEST = 2  # bytes of a fixed header, and of a topic's length

QOS_0_PATIENCE = 0.5  # seconds

_OVER_BUDGET = Refusal(Reason.BUDGET, "the buffers for Kafka are full")
_EMPTY = Refusal(Reason.EMPTY_PAYLOAD, "an empty payload needs a content type")
_TOO_LARGE = Refusal(Reason.TOO_LARGE, "the message is too large for Kafka")
_TOPIC_TOO_LONG = Refusal(Reason.BAD_TOPIC, "the topic is longer than this server allows")

_Key = tuple[int, bytes, bytes]


class PublishFlow:
    """Belongs to one open session, and is the `Owner` of its runs. `answers_ready`: see `flush_answers`."""

    __slots__ = (
        "_alike",
        "_cache",
        "_earlier",
        "_failed",
        "_frontend",
        "_prefixes",
        "_releases_seen",
        "_resolved",
        "_session",
        "answers_ready",
        "identity",
        "joined",
        "listed_in",
        "pending_bytes",
        "window",
    )

    def __init__(self, session: Session, identity: Identity, earlier: Earlier | None = None) -> None:
        self._session = session
        self._earlier = earlier
        self._failed = False  # the turn of a message that ends the connection has come
        self.listed_in: Earlier | None = None
        self.joined: dict[bytes, Joined] | None = None  # by later connections of the device
        self._frontend = session.frontend
        self.identity = identity
        self._cache: dict[_Key, Route] = {}
        self._prefixes: PublishPrefixes | None = None
        # Of the last read, if it was one QoS 1 publish without properties: its bytes up to the packet identifier, its
        # length, where its payload begins, its route, and the size of its record.
        self._alike: tuple[bytes, int, int, Route, int] | None = None
        self._releases_seen = -1
        self._resolved: tuple[_Key, Route | Refusal] | None = None
        self.answers_ready = False
        self.pending_bytes = 0
        self.window = AckWindow()

    # -- PUBLISH in ----------------------------------------------------------------------------------------------------

    def take(self, data: bytes, pos: int, end: int) -> int:  # noqa: C901, PLR0912, PLR0915 - one loop, see below
        """Take the complete PUBLISH packets that stand from `pos` on; returns where the first one not taken begins.

        Raises ProtocolError; what stood before the bad packet is taken all the same.
        """
        # One loop without calls for a message that shares its run with the one before: 0.6 µs. Each function
        # that is cut out of it costs 0.1 µs a message, and all messages of the adapter pass here.
        first_in_read = not pos
        config = self._frontend.config
        max_packet_size = config.max_packet_size
        max_record_size = config.max_record_size
        max_run_size = config.max_run_size
        v5 = self._session.level == MQTT_5
        room = config.receive_maximum - self.window.unacknowledged
        run: Run | None = None
        first = kind = last_first = size = taken = overhead = 0
        topic = last_topic = properties = last_properties = packet_id = b""
        try:
            while end - pos >= SHORTEST:
                first = data[pos]
                if first & TYPE_BITS != PUBLISH:
                    break
                length = data[pos + 1]
                start = pos + 2
                if length >= LONG:
                    if end - start > 0 and data[start] < LONG:  # two bytes: the usual case, without a call
                        length += (data[start] << 7) - LONG
                        start += 1
                    else:
                        header = remaining_length(data, pos + 1)
                        if header is None:
                            break
                        length, start = header
                stop = start + length
                if stop - pos > max_packet_size:
                    raise ProtocolError(ReasonCode.PACKET_TOO_LARGE, "the packet is larger than this server takes")
                if stop > end:
                    break
                if length < SHORTEST:
                    raise MalformedPacketError("a PUBLISH without a topic")
                body = topic_end = start + 2 + (data[start] << 8) + data[start + 1]
                if first & QOS_BITS:
                    body += 2
                    packet_id = data[topic_end:body]
                    if packet_id == b"\0\0":
                        raise MalformedPacketError("packet identifier 0 [MQTT-2.3.1-1, 5.0: 2.2.1-3]")
                    if room <= 0:
                        if v5:  # the device was told the limit in the CONNACK (5.0 section 3.3.4)
                            raise ProtocolError(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, "more than Receive Maximum")
                        self._session.pause(Pause.WINDOW)
                        break
                elif first & DUP:
                    raise MalformedPacketError("DUP on a QoS 0 message [MQTT-3.3.1-2]")
                topic = data[start + 2 : topic_end]
                if v5:
                    if body >= stop:
                        raise MalformedPacketError("a PUBLISH without properties")
                    if data[body]:
                        topic, properties, body = self._prefix(data, topic, body, stop)
                    else:
                        properties = b""
                        body += 1
                if body > stop:
                    raise MalformedPacketError("a PUBLISH shorter than its topic says")

                refusal: Refusal | None = None
                if (
                    run is None
                    or topic != last_topic
                    or first != last_first
                    or properties != last_properties
                    or size > max_run_size
                ):
                    if run is not None:
                        self._put(run, size)
                        run = None
                    last_first, last_topic, last_properties = first, topic, properties
                    kind = first & ~DUP
                    began = self._begin((kind, topic, properties))
                    if began is None:
                        break
                    if isinstance(began, Run):
                        if first & DUP:
                            last_first = 0  # each is looked at by itself
                            if self._join(packet_id, data[body:stop], began):
                                pos = stop
                                taken += 1
                                room = config.receive_maximum - self.window.unacknowledged
                                continue
                        run = began
                        overhead = run.route.overhead
                        size = 0
                    else:
                        refusal = began
                record_size = stop - body + overhead
                if run is not None:
                    if record_size > max_record_size:
                        refusal = _TOO_LARGE
                    elif body == stop and not run.route.template.empty_payload_allowed:
                        refusal = _EMPTY
                pos = stop
                taken += 1
                room -= 1 if first & QOS_BITS else 0
                if refusal is None and run is not None:
                    run.payloads.append(data[body:stop])
                    if first & QOS_BITS:
                        run.packet_ids.append(packet_id)
                    size += record_size
                elif refusal is not None:
                    route = None
                    if run is not None:
                        self._put(run, size)
                        route = run.route
                        run = None
                    if self._refuse(kind, packet_id, refusal, route):
                        break
        finally:
            if run is not None:
                self._put(run, size)
                if first_in_read and pos == end and taken == 1 and run.qos and not first & DUP and not properties:
                    self._alike = None if run.route.ack_on_receipt else (data[:topic_end], end, body, run.route, size)
            self._frontend.counters.packets_received[PUBLISH_TYPE] += taken
        return pos

    def take_alike(self, data: bytes, now: float) -> bool:
        """Take a read that begins like the last one and is as long; False when it needs a closer look."""
        if self._alike is None:
            return False
        head, end, body, route, size = self._alike
        frontend = self._frontend
        budget = frontend.budget
        window = self.window
        packet_id_at = len(head)
        packet_id = data[packet_id_at : packet_id_at + PACKET_ID]
        if (
            len(data) != end
            or not data.startswith(head)
            or packet_id == b"\0\0"
            or (body > packet_id_at + PACKET_ID and data[body - 1])  # 5.0: properties this time
            or window.unacknowledged >= frontend.config.receive_maximum
            or budget.used >= budget.soft
            or route.lane.retired
        ):
            return False
        if now != frontend.stamped:
            frontend.stamp(now)
        run = Run(route, self, 1, now, frontend.stamp_ms)
        run.payloads.append(data[body:])
        run.packet_ids.append(packet_id)
        run.size = size
        frontend.ledger.received[1] += 1
        frontend.counters.packets_received[PUBLISH_TYPE] += 1
        window.add(run)
        route.lane.put(run)
        return True

    def _join(self, packet_id: bytes, payload: bytes, run: Run) -> bool:
        """Whether this repeats a message that is pending: then that one's record and outcome serve for both."""
        template = run.route.template
        found = self._earlier.find(packet_id, payload, template) if self._earlier is not None else None
        if found is not None:
            origin, entry = found
            if isinstance(entry, Joined):  # by a connection that has gone: this one joins in its place
                entry.outcome = HANDED_OVER
                origin.settled()
                origin = entry.origin
            if origin.joined is None:
                origin.joined = {}
            joined = origin.joined.get(packet_id)
            if joined is None or joined.heir is not self:
                joined = origin.joined[packet_id] = Joined(origin, self, packet_id, payload, template, run.arrived)
                self.window.add(joined)
        elif not any(
            packet_id in entry.packet_ids and is_pending(entry, packet_id, payload, template) for entry in self.window
        ):
            return False
        self._frontend.counters.joined += 1
        return True

    def _prefix(self, data: bytes, topic: bytes, at: int, stop: int) -> tuple[bytes, bytes, int]:
        if self._prefixes is None:
            config = self._frontend.config
            self._prefixes = PublishPrefixes(config.topic_alias_maximum, config.routes_cached)
        return self._prefixes.read(data, topic, at, stop)

    def _begin(self, key: _Key) -> Run | Refusal | None:
        """A new run; or why the message is refused; or None: the connection waits, and asks again."""
        frontend = self._frontend
        qos = (key[0] & QOS_BITS) >> 1
        budget = frontend.budget
        if (
            budget.used >= budget.soft
            and budget.must_wait(self.pending_bytes)
            and (qos or frontend.make_room is None or not frontend.make_room(self))
        ):
            return self._wait_for_room(qos)
        route = self._cache.get(key)
        if route is None or route.lane.retired:
            found = self._resolve(key, qos)
            if not isinstance(found, Route):
                return found
            route = found
        now = frontend.time()
        if now != frontend.stamped:
            frontend.stamp(now)
        return Run(route, self, qos, now, frontend.stamp_ms)

    def _resolve(self, key: _Key, qos: int) -> Route | Refusal | None:
        """The route of a topic that is new to this connection. Raises ProtocolError."""
        kind, topic, properties = key
        if qos == QOS_3:
            raise MalformedPacketError("QoS 3 [MQTT-3.3.1-4]")
        if qos > 1:
            raise ProtocolError(ReasonCode.QOS_NOT_SUPPORTED, "this server takes QoS 0 and 1")
        result: Route | Refusal | None
        if self._resolved is not None and self._resolved[0] == key:
            result = self._resolved[1]
            self._resolved = None
        else:
            if not topic:  # 5.0 section 3.3.2.1
                raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "neither a topic nor a topic alias")
            name = decode_topic_name(topic)
            if len(topic) > self._frontend.config.max_topic_length:
                return _TOPIC_TOO_LONG
            header = PublishHeader(name, qos, bool(kind & RETAIN))
            if self._prefixes is not None:
                header = PublishHeader(name, qos, bool(kind & RETAIN), self._prefixes.parsed(properties))
            result = self._frontend.gate.resolve(self.identity, header, partial(self._on_resolved, key))
            if result is None:
                self._session.pause(Pause.LOOKUP)
        if isinstance(result, Route):
            if len(self._cache) >= self._frontend.config.routes_cached:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = result
        return result

    def _on_resolved(self, key: _Key, result: Route | Refusal) -> None:
        self._resolved = (key, result)
        self._session.resume(Pause.LOOKUP)

    def _wait_for_room(self, qos: int) -> Refusal | None:
        """The budget is used up: do not read the device until there is room.

        A QoS 0 message waits only while Kafka takes records at all: after a while without, it is dropped, and so is
        what follows until Kafka moves again.
        """
        budget = self._frontend.budget
        if not qos and budget.releases == self._releases_seen:
            return _OVER_BUDGET
        self._releases_seen = budget.releases
        self._session.pause(Pause.BUDGET)
        budget.wait(self)
        if not qos:
            self._frontend.timers.call_later(QOS_0_PATIENCE, self.room_again)
        return None

    def room_again(self) -> None:
        """The budget has room, or a QoS 0 message has waited long enough."""
        self._session.resume(Pause.BUDGET)

    def _put(self, run: Run, size: int) -> None:
        """Hand a run to its lane; its PUBACKs wait in the window, or leave at once where the operator wants that."""
        if not run.payloads:  # its first message was refused
            return
        run.size = size
        self._frontend.ledger.received[run.qos] += len(run.payloads)
        if run.qos:
            if run.route.ack_on_receipt:
                self._answer(Answer(run.packet_ids, ACKNOWLEDGED, run.arrived))
                run.packet_ids = []
            else:
                self.window.add(run)
        run.route.lane.put(run)

    # -- answers out ---------------------------------------------------------------------------------------------------

    def _refuse(self, kind: int, packet_id: bytes, refusal: Refusal, route: Route | None) -> bool:
        """Account for a message that is refused, maybe by its `route`; True when the connection takes no more."""
        qos = (kind & QOS_BITS) >> 1
        if refusal is _EMPTY and route is not None:
            instead = self._frontend.instead(route.template, refusal)
            if isinstance(instead, Route):
                run = Run(instead, self, qos, self._frontend.time(), self._frontend.wall_ms())
                run.payloads.append(b"")
                run.packet_ids += [packet_id] if qos else []
                self._put(run, instead.overhead)
                return False
            refusal = instead
        ledger = self._frontend.ledger
        ledger.received[qos] += 1
        if not qos:
            ledger.dropped[0][refusal.reason] += 1
            return False
        ledger.refused[qos][refusal.reason] += 1
        outcome = Outcome(Fate.REFUSED, refusal.reason, refusal.text)
        self._answer(Answer([packet_id], outcome, self._frontend.time()))
        return self.fails_on(outcome, [packet_id])

    def _answer(self, answer: Answer) -> None:
        self.window.add(answer)
        self.answers_ready = True

    def flush_answers(self) -> None:
        """Send what was answered at once. Apart from `take`, which must not be entered again from here."""
        self.answers_ready = False
        self.settled()

    def fails_on(self, outcome: Outcome, packet_ids: list[bytes]) -> bool:
        """MQTT 3.1.1 knows no negative PUBACK: only closing tells the device. The same for what 5.0 must send again.

        Nor does a 5.0 device learn of a refusal when its connection has ended or is about to, and it has not come back
        for the message: it will send it again, and by then it may be accepted.
        """
        if outcome.fate is Fate.REFUSED:
            if self.hears_refusals:
                return False
            joined = self.joined or {}
            if all(packet_id in joined and joined[packet_id].heir.hears_refusals for packet_id in packet_ids):
                return False
        if self._session.is_open:
            self._session.pause(Pause.FAILED)
        return True

    @property
    def hears_refusals(self) -> bool:
        """Whether a message of this connection can be refused and the rest go on."""
        session = self._session
        return session.is_open and session.level == MQTT_5 and not session.pauses & Pause.FAILED

    def settled(self) -> None:
        """Write the PUBACKs of all that is settled at the front of the window, in one piece."""
        entries = self.window.take_settled()
        session = self._session
        if not entries:
            return
        if not session.is_open:
            self._pass_on(entries)
            return
        if self._failed:  # what comes after the message that failed must not be acknowledged before it
            return
        counters = self._frontend.counters
        now = self._frontend.time()
        out: list[bytes] = []
        for entry in entries:
            outcome = entry.outcome
            packet_ids = entry.packet_ids
            if outcome is ACKNOWLEDGED:
                out.append(PUBACK_SUCCESS + PUBACK_SUCCESS.join(packet_ids))
            elif outcome is not None and outcome.fate is Fate.REFUSED and session.level == MQTT_5:
                out += self._negative(packet_ids, outcome)
            else:
                break
            counters.packets_sent[PUBACK_TYPE] += len(packet_ids)
            counters.puback_seconds.observe(now - entry.arrived, len(packet_ids))
        else:
            outcome = ACKNOWLEDGED
        if out:
            session.write(b"".join(out))
        if outcome is not None and outcome is not ACKNOWLEDGED:
            self._failed = True
            session.fail(outcome)
        elif session.pauses & Pause.WINDOW:
            session.resume(Pause.WINDOW)

    def _pass_on(self, entries: list[Entry]) -> None:
        """The connection is closed: who waits for these outcomes is a later one that joined."""
        heirs: dict[PublishFlow, None] = {}
        for entry in entries:
            for packet_id in entry.packet_ids:
                joined = self.joined.pop(packet_id, None) if self.joined else None
                if joined is not None:
                    joined.outcome = entry.outcome
                    heirs[joined.heir] = None
        if not self.window.unacknowledged:
            if self.listed_in is not None:
                self.listed_in.remove(self)
                self.listed_in = None
            self._frontend.forget_pending(self.identity)
        self._frontend.tell(heirs)

    @property
    def heirs(self) -> Iterable[PublishFlow]:
        """The later connections that joined messages of this one, those that joined theirs, and so on.

        And those in between: one that has joined in another's place has left it with what it sent itself.
        """
        found: dict[PublishFlow, None] = {self: None}
        waiting = [self]
        while waiting:
            flow = waiting.pop()
            for joined in (flow.joined or {}).values():
                for later in (*joined.heir.between(flow), joined.heir):
                    if later not in found:
                        found[later] = None
                        waiting.append(later)
        del found[self]
        return found

    def between(self, earlier: PublishFlow) -> list[PublishFlow]:
        """The connections after that one and before this one that have something pending."""
        flows = self._earlier.flows if self._earlier is not None else []
        return flows[flows.index(earlier) + 1 :] if earlier in flows else []

    @property
    def unanswered(self) -> list[PublishFlow]:
        """What a connection to come may join: this one and those before it, as far as they have something pending."""
        before = self._earlier.flows if self._earlier is not None else []
        return [flow for flow in (*before, self) if flow.window.unacknowledged]

    def _negative(self, packet_ids: list[bytes], outcome: Outcome) -> list[bytes]:
        assert outcome.reason is not None
        self._frontend.log.warning(
            "message refused", client_id=self.identity.client_id, reason=outcome.reason.value, text=outcome.text
        )
        code = PUBACK_CODE.get(outcome.reason, ReasonCode.UNSPECIFIED_ERROR)
        session = self._session
        text = outcome.text if session.problem_information else None
        return [
            encode_puback(MQTT_5, packet_id, code, text, limit=session.peer_packet_limit) for packet_id in packet_ids
        ]

    def split(self, run: Run) -> list[Run]:
        """Put two halves in the place of a run of several messages."""
        parts = run.halves()
        if run.packet_ids:
            self.window.replace(run, parts)
            run.packet_ids = []  # whoever has this run by a packet identifier looks again
        return parts
