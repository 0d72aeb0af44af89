"""The publishes of one connection: PUBLISH bytes in, runs to their lanes. The hot path.

`take` decodes consecutive PUBLISH packets in one loop. The work per topic (UTF-8 checks, authorisation, routing) is
done once, and its result kept in a bounded cache under (type and flags, topic bytes, property bytes). Consecutive
publishes with the same key share a `Run`. A read with a single publish of the same shape as the previous one (a sensor
with one message in flight, always of the same size) is not even decoded: only packet identifier and payload are new.

A packet that cannot be taken now stays in the session's buffer, with everything behind it: this keeps the order while
the connection waits for a look-up, the window or the budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import LimitError, MalformedPacketError, ProtocolError
from adapter.model import (
    ACKNOWLEDGED,
    NO_PROPERTIES,
    NOT_TEXT,
    PAYLOAD_REFUSALS,
    DeliveryStatus,
    EmptyPayload,
    Outcome,
    Refusal,
)
from adapter.mqtt.ack_window import Answer
from adapter.mqtt.answers import QOS_BITS, Answers
from adapter.mqtt.connect import MQTT_5
from adapter.mqtt.exactly_once import QOS_2
from adapter.mqtt.framing import remaining_length
from adapter.mqtt.lookups import Lookups, topic_name
from adapter.mqtt.pause import Pause
from adapter.mqtt.primitives import Reader
from adapter.mqtt.publish import is_text
from adapter.mqtt.topic_alias import PublishPrefixes
from adapter.mqtt.turns import LOOKUP, REFUSED, REPEATED, RUN, UNPAID, size_cost
from adapter.reasons import Limit, Reason, ReasonCode
from adapter.runs import Route, Run

if TYPE_CHECKING:
    from adapter.model import Identity, PublishProperties
    from adapter.mqtt.returning import Earlier
    from adapter.mqtt.session import Session

PUBLISH = 0x30
TYPE_BITS = 0xF0
DUP = 0x08
QOS_2_BIT = 0x04
LONG = 0x80
PUBLISH_TYPE = 3
PACKET_ID = 2  # bytes
SHORTEST = 2  # bytes of a fixed header, and of a topic's length

TOO_LARGE = "the packet is larger than this server takes"
QOS_0_PATIENCE = 0.5  # seconds

_OVER_BUDGET = Refusal(Reason.BUDGET, "the buffers for Kafka are full")
_TOO_MANY_UNRELEASED = Refusal(Reason.UNRELEASED, "too many QoS 2 messages wait for their PUBREL")
RECORD_TOO_LARGE = Refusal(
    Reason.TOO_LARGE,
    "with key and headers, the record exceeds ADAPTER_MQTT__MAX_PACKET_SIZE and ADAPTER_KAFKA__MAX_BATCH_SIZE",
)


class PublishFlow(Answers):
    """The publishes of one open session."""

    __slots__ = ("_impatient", "_last_shape", "_lookups", "_prefixes", "_room_seen")

    def __init__(self, session: Session, identity: Identity, earlier: Earlier | None = None) -> None:
        super().__init__(session, identity, earlier)
        self._lookups = Lookups(session, identity)
        self._prefixes: PublishPrefixes | None = None
        # If the last read was a single QoS 1 publish without properties: its bytes up to the packet identifier, its
        # length, the offset of its payload, its route, and the size of its record.
        self._last_shape: tuple[bytes, int, int, Route, int] | None = None
        self._impatient = False  # there was no room for QOS_0_PATIENCE, and is none yet
        self._room_seen = 0  # how often there was room again

    def take(self, data: bytes, pos: int, end: int) -> int:  # noqa: C901, PLR0912, PLR0915 - one loop, see below
        """Take the complete PUBLISH packets from `pos` on; returns the offset of the first one not taken.

        Raises ProtocolError; packets before the bad one have been taken.
        """
        # One loop, without a call for a message that shares its run with the previous one: 0.6 µs. Each function
        # extracted from it would cost every message of the adapter 0.1 µs.
        first_in_read = not pos
        config = self._frontend.config
        max_packet_size = config.max_packet_size
        max_record_size = config.max_record_size
        max_run_size = config.max_run_size
        v5 = self._session.level == MQTT_5
        room = self._room
        run: Run | None = None
        first = kind = last_first = size = taken = overhead = 0
        work = 0  # runs and refusals of this read that are not paid for yet; see `turns.py`
        claimed_at = -1  # where the last QoS 2 packet stands that has put its identifier in use
        text = checked = False  # whether the payloads of the run must be UTF-8; whether each has to be looked at
        topic = last_topic = properties = last_properties = packet_id = b""
        parsed = NO_PROPERTIES  # set when `properties` is
        try:
            while end - pos >= SHORTEST:
                first = data[pos]
                if first & TYPE_BITS != PUBLISH:
                    break
                length = data[pos + 1]
                start = pos + 2
                if length >= LONG:
                    if end - start > 0 and 0 < data[start] < LONG:  # two bytes: the usual case, without a call
                        length += (data[start] << 7) - LONG
                        start += 1
                    else:
                        header = remaining_length(data, pos + 1, minimal=v5)
                        if header is None:
                            break
                        length, start = header
                stop = start + length
                if stop - pos > max_packet_size:
                    raise LimitError(ReasonCode.PACKET_TOO_LARGE, Limit.PACKET_SIZE, TOO_LARGE)
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
                            raise _beyond_receive_maximum(first, body, stop)
                        self._session.pause(Pause.WINDOW)
                        break
                elif first & DUP:
                    raise MalformedPacketError("DUP on a QoS 0 message [MQTT-3.3.1-2]")
                topic = data[start + 2 : topic_end]
                if v5:
                    if body >= stop:
                        raise MalformedPacketError("a PUBLISH without properties")
                    if data[body]:
                        prefix = self._prefix(data, topic, body, stop)
                        if prefix is None:
                            break
                        topic, properties, parsed, body = prefix
                    else:
                        properties = b""
                        body += 1
                if body > stop:
                    raise MalformedPacketError("a PUBLISH shorter than its topic says")

                refusal: Refusal | None = None
                if first & QOS_2_BIT:
                    if not self._claim_packet_id(first, packet_id):
                        topic_name(topic)  # there is no look-up that would check it
                        if run is not None:
                            self._put(run, size)
                            run = None
                        if not self._has_turn(REPEATED):
                            break
                        if self._answer_repeated(packet_id):
                            pos = stop
                            taken += 1
                            room = self._room
                            continue
                    claimed_at = pos
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
                    found = None
                    work += RUN
                    due = REPEATED if first & DUP else work - UNPAID
                    if due <= 0 or self._has_turn(due):
                        work = min(work, UNPAID)
                        found = self._lookups.route((kind, topic, properties), parsed if properties else NO_PROPERTIES)
                    if isinstance(found, Route):
                        if first & DUP:
                            last_first = 0  # each is compared by itself
                            # It needs no room in the budget.
                            if self._try_join(packet_id, data[body:stop], found, (kind & QOS_BITS) >> 1):
                                pos = stop
                                taken += 1
                                room = self._room
                                continue
                        began = self._begin(found, (kind & QOS_BITS) >> 1)
                    else:
                        began = found
                    if began is None:
                        if claimed_at == pos:  # it will come once more
                            self._release_claim(packet_id)
                        break
                    if isinstance(began, Run):
                        run = began
                        overhead = run.route.overhead
                        size = 0
                        text = bool(properties) and parsed.payload_format == 1 and config.check_payload_format
                        checked = text or run.route.template.empty_payload is EmptyPayload.REQUIRED
                    else:
                        refusal = began
                record_size = stop - body + overhead
                if run is not None:
                    if record_size > max_record_size:
                        refusal = RECORD_TOO_LARGE
                    elif body == stop or checked:
                        refusal = run.route.template.refuse_payload(stop - body)
                        if refusal is None and text and not is_text(data[body:stop]):
                            refusal = NOT_TEXT
                pos = stop
                taken += 1
                room -= 1 if first & QOS_BITS else 0
                if refusal is None and run is not None:
                    run.payloads.append(data[body:stop])
                    if first & QOS_BITS:
                        run.packet_ids.append(packet_id)
                    size += record_size
                elif refusal is not None:
                    work += REFUSED
                    route = None
                    if run is not None:
                        self._put(run, size)
                        route = run.route
                        run = None
                    if self._refuse(kind, packet_id, data[body:stop], refusal, route):
                        break
        except ProtocolError:
            if claimed_at == pos:  # it was not taken, so its identifier is not in use
                self._release_claim(packet_id)
            raise
        finally:
            if run is not None:
                self._put(run, size)
                if first_in_read and pos == end and taken == 1 and run.qos == 1 and not first & DUP and not properties:
                    self._last_shape = (
                        None if run.route.ack_on_receipt else (data[:topic_end], end, body, run.route, size)
                    )
            self._frontend.counters.packets_received[PUBLISH_TYPE] += taken
        return pos

    def _has_turn(self, cost: int) -> bool:
        """Whether this turn of the event loop has room for so much work; else the connection waits."""
        if self._frontend.turns.take(cost):
            return True
        self._session.yield_turn()
        return False

    @property
    def _room(self) -> int:
        """How many more QoS 1 and 2 messages may be unacknowledged."""
        return self.most_in_window - self.window.unacknowledged

    def take_same_shape(self, data: bytes, now: float) -> bool:
        """Take a read with the same beginning and length as the last one; False if it must be decoded."""
        if self._last_shape is None:
            return False
        head, end, body, route, size = self._last_shape
        frontend = self._frontend
        budget = frontend.budget
        window = self.window
        packet_id_at = len(head)
        packet_id = data[packet_id_at : packet_id_at + PACKET_ID]
        if (
            len(data) != end
            or not data.startswith(head)
            or packet_id == b"\0\0"
            or (body > packet_id_at + PACKET_ID and data[body - 1])  # 5.0: this one has properties
            or window.unacknowledged >= self.most_in_window
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

    def _prefix(
        self, data: bytes, topic: bytes, at: int, stop: int
    ) -> tuple[bytes, bytes, PublishProperties, int] | None:
        """The topic, the properties, raw and decoded, and where they end; see `PublishPrefixes`.

        None: this turn of the event loop has no room for a new property list.
        """
        if self._prefixes is None:
            config = self._frontend.config
            self._prefixes = PublishPrefixes(config.topic_alias_maximum, config.max_topic_length, config.routes_cached)
        prefixes = self._prefixes
        reader = Reader(data, at, stop)
        properties = reader.take(reader.varint())
        parsed = prefixes.known(properties)
        if parsed is None:
            if not self._frontend.turns.take(max(LOOKUP, size_cost(len(properties)))):
                self._session.yield_turn()
                return None
            self._lookups.paid = True
            parsed = prefixes.decode(properties)
        return prefixes.topic(topic, parsed), properties, parsed, reader.pos

    def _begin(self, route: Route, qos: int) -> Run | Refusal | None:
        """A new run, or a refusal; None: the connection waits, and the packet will be taken again."""
        frontend = self._frontend
        if qos == QOS_2 and frontend.counters.unreleased >= frontend.config.max_unreleased:
            return _TOO_MANY_UNRELEASED
        budget = frontend.budget
        if (
            budget.used >= budget.soft
            and budget.must_wait(self.pending_bytes)
            and (qos or frontend.make_room is None or not frontend.make_room(self))
        ):
            return self._wait_for_room(qos)
        now = frontend.time()
        if now != frontend.stamped:
            frontend.stamp(now)
        return Run(route, self, qos, now, frontend.stamp_ms)

    def _wait_for_room(self, qos: int) -> Refusal | None:
        """The budget is used up: do not read the connection until there is room.

        A QoS 0 message waits no longer than QOS_0_PATIENCE. Then it is dropped, and so are those that follow, until
        there is room.
        """
        if not qos and self._impatient:
            return _OVER_BUDGET
        self._session.pause(Pause.BUDGET)
        self._frontend.budget.wait(self)
        if not qos:
            self._frontend.timers.call_later(QOS_0_PATIENCE, self._lose_patience, self._room_seen)
        return None

    def _lose_patience(self, room_seen: int) -> None:
        if room_seen == self._room_seen:
            self._impatient = True
            self._session.resume(Pause.BUDGET)

    def connection_ended(self) -> None:
        """Take nothing more; what is pending continues, and is all that is needed of this connection."""
        self._lookups.cancel()
        self._lookups = Lookups(self._session, self.identity)
        self._prefixes = None
        self._last_shape = None
        self._frontend.budget.forget(self)

    def room_again(self) -> None:
        """The budget has room."""
        self._impatient = False
        self._room_seen += 1
        self._session.resume(Pause.BUDGET)

    def _put(self, run: Run, size: int) -> None:
        """Hand a run to its lane. Its PUBACKs wait in the window, or are sent at once with `on_receipt`."""
        if not run.payloads:  # the first message was refused
            return
        run.size = size
        self._frontend.ledger.received[run.qos] += len(run.payloads)
        if run.qos:
            if run.route.ack_on_receipt:
                self._answer(Answer(run.packet_ids, ACKNOWLEDGED, run.arrived, run.qos))
                run.packet_ids = []
            else:
                self.window.add(run)
        run.route.lane.put(run)

    def _refuse(self, kind: int, packet_id: bytes, payload: bytes, refusal: Refusal, route: Route | None) -> bool:
        """Account for a refused message, whose `route` is given if it has one; True if the connection takes no more."""
        qos = (kind & QOS_BITS) >> 1
        if route is not None and refusal in PAYLOAD_REFUSALS:
            routed = self._frontend.route_refused(route.template, refusal)
            if isinstance(routed, Route):
                run = Run(routed, self, qos, self._frontend.time(), self._frontend.wall_ms())
                run.payloads.append(payload)
                run.packet_ids += [packet_id] if qos else []
                self._put(run, len(payload) + routed.overhead)
                return False
            refusal = routed
        ledger = self._frontend.ledger
        ledger.received[qos] += 1
        if not qos:
            ledger.dropped[0][refusal.reason] += 1
            return False
        ledger.refused[qos][refusal.reason] += 1
        outcome = Outcome(DeliveryStatus.REFUSED, refusal.reason, refusal.text)
        self._answer(Answer([packet_id], outcome, self._frontend.time(), qos))
        return self.fail_connection(outcome, [packet_id])


def _beyond_receive_maximum(first: int, body: int, stop: int) -> ProtocolError:
    """The error for a PUBLISH beyond Receive Maximum (5.0); a malformed packet is reported as malformed."""
    if first & QOS_BITS == QOS_BITS:
        return MalformedPacketError("QoS 3 [MQTT-3.3.1-4]")
    if body >= stop:
        return MalformedPacketError("a PUBLISH shorter than its topic says")
    return ProtocolError(ReasonCode.RECEIVE_MAXIMUM_EXCEEDED, "more than Receive Maximum [MQTT-3.3.4-7]")
