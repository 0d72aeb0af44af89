"""Wills (section 3.1.2.5 of both specifications): kept for their devices, and published when a device is lost.

    CONNECT ──authorised, routed──▶ kept ──DISCONNECT 0x00──▶ forgotten
                                     │
                                     └─any other ending─▶ delayed ──the device is back in its session──▶ forgotten
                                                             │
                                                             └─Will Delay over, or the session has ended─▶ due ─▶ lane

A Will is authorised and routed at the CONNECT, so that its device learns of a refusal; its lane is looked up only when
it is due, because Kafka may be away at either time. It enters the lane behind everything taken from its device, and
before what the device sends after it returns. It does not wait for the budget: all Wills together have a limit of their
own, until Kafka has answered.

Wills are kept in memory only: a process that is killed loses them. A process that stops publishes them [MQTT-3.1.2-8]:
their sessions end with it, so they could not be deferred to a restart.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import ConnectRefusedError
from adapter.model import ACKNOWLEDGED, HEADER_OVERHEAD, NO_PROPERTIES, NOT_TEXT, PublishHeader, RecordTemplate, Refusal
from adapter.mqtt.lookups import topic_beyond_limits
from adapter.mqtt.publish import is_text
from adapter.reasons import PUBACK_CODE, WILL_CODE, CloseCause, Reason, ReasonCode
from adapter.runs import Route, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from adapter.model import Identity, Outcome, Will
    from adapter.mqtt.frontend import Frontend
    from adapter.mqtt.session import Session
    from adapter.runs import Owner, RecordMetadata

HEADER = "mqtt-will"  # its value is the CloseCause
OVERHEAD = 1024  # bytes of memory per Will besides the payload, key and headers of its record
MARK = len(HEADER) + max(map(len, CloseCause)) + HEADER_OVERHEAD  # bytes in the record, at most

_TOO_LARGE = Refusal(Reason.TOO_LARGE, "with its key and headers, the record is larger than the adapter sends to Kafka")


class LastWill:
    """A device's Will, and the `Owner` of its run, so that no failure of the device's messages withdraws it."""

    __slots__ = (
        "_wills",
        "cause",
        "due_at",
        "identity",
        "pending_bytes",
        "run",
        "size",
        "template",
        "waited_seconds",
        "watched_second",
        "will",
    )

    successors: Iterable[Owner] = ()
    record_metadata: dict[Run, RecordMetadata] | None = None

    def __init__(self, wills: Wills, identity: Identity, will: Will, template: RecordTemplate) -> None:
        self.waited_seconds = 0.0
        self._wills = wills
        self.identity = identity
        self.will = will
        self.template = template
        self.size = OVERHEAD + len(will.payload) + template.overhead
        self.cause = CloseCause.CONNECTION_LOST
        self.due_at = 0.0
        self.watched_second = 0
        self.pending_bytes = 0
        self.run: Run | None = None

    def record(self) -> RecordTemplate:
        """Its record, with the header that marks it as a Will."""
        return replace(self.template, headers=((HEADER, self.cause.encode()), *self.template.headers))

    def check_deadline(self, now: float) -> None:  # noqa: ARG002 - as `Deadlines` calls it
        """Its delay is over."""
        self._wills.delay_is_over(self)

    def settled(self) -> None:
        """It has an outcome."""
        assert self.run is not None, "it was put into a lane"
        assert self.run.outcome is not None, "that is what settled means"
        self._wills.settled(self, self.run.outcome)

    @staticmethod
    def fail_connection(outcome: Outcome, packet_ids: list[bytes]) -> bool:  # noqa: ARG004 - as delivery asks
        """There is no connection to end: nothing was sent after it."""
        return False

    @staticmethod
    def split(run: Run) -> list[Run]:
        """Never called: it is a single message."""
        raise AssertionError(run)

    def abandon(self, fault: Exception) -> None:
        """See `Owner`: there is nothing to end."""
        self._wills.fault(self, fault)


class Wills:
    """The Wills of all devices of this process."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._limit = frontend.config.max_will_bytes
        self._largest = frontend.config.max_record_size
        self._kept: dict[Session, LastWill] = {}
        self._delayed: dict[Identity, LastWill] = {}
        self._due: dict[LastWill, None] = {}  # and not yet in a lane: Kafka's metadata is missing
        self._when_none_is_due: Callable[[], None] | None = None

    # -- the connection's side -------------------------------------------------------------------------------------

    def check(self, identity: Identity, will: Will, done: Callable[[LastWill | ConnectRefusedError], None]) -> None:
        """Check whether this Will is allowed; `done` gets the answer, now or later."""
        beyond = topic_beyond_limits(will.topic.encode(), self._frontend.config)
        if beyond is not None:
            limit, refusal = beyond
            self._frontend.counters.limited[limit] += 1
            done(self._checked(identity, will, refusal))
            return
        header = PublishHeader(will.topic, will.qos, will.retain, will.properties)
        checked = partial(self._checked, identity, will)
        answer = self._frontend.gate.authorise(identity, header, lambda found: done(checked(found)))
        if answer is not None:
            done(checked(answer))

    def _checked(
        self, identity: Identity, will: Will, found: RecordTemplate | Refusal
    ) -> LastWill | ConnectRefusedError:
        if isinstance(found, RecordTemplate):
            refusal = found.refuse_payload(len(will.payload))
            text = self._frontend.config.check_payload_format and will.properties.payload_format == 1
            if refusal is None and text and not is_text(will.payload):
                refusal = NOT_TEXT
            if refusal is not None:
                routed = self._frontend.route_refused(found, refusal)
                found = routed.template if isinstance(routed, Route) else routed
        if isinstance(found, RecordTemplate) and MARK + found.overhead + len(will.payload) > self._largest:
            found = _TOO_LARGE
        if isinstance(found, Refusal):
            code = WILL_CODE.get(found.reason, ReasonCode.UNSPECIFIED_ERROR)
            return ConnectRefusedError(code, f"the Will is refused: {found.text}")
        # The properties are in the record's headers, and not kept twice.
        last_will = LastWill(self, identity, replace(will, properties=NO_PROPERTIES), found)
        if self._frontend.counters.will_bytes + last_will.size > self._limit:
            return ConnectRefusedError(ReasonCode.QUOTA_EXCEEDED, "this server keeps as many Wills as it may")
        return last_will

    def keep(self, session: Session, will: LastWill) -> None:
        """Its device is connected."""
        self._kept[session] = will
        self._frontend.counters.wills += 1
        self._frontend.counters.will_bytes += will.size

    def discard(self, session: Session) -> None:
        """Its device has sent DISCONNECT [MQTT-3.1.2-10, 3.14.4-3]."""
        will = self._kept.pop(session, None)
        if will is not None:
            self._forget(will)

    def left(self, session: Session, cause: CloseCause, session_expiry: int) -> None:
        """The connection has ended without DISCONNECT [MQTT-3.1.2-8]; `session_expiry` is in seconds."""
        will = self._kept.pop(session, None)
        if will is None:
            return
        will.cause = cause
        delay = min(will.will.delay, session_expiry)  # whichever is first (5.0 section 3.1.3.2.2)
        if not delay:
            self._publish(will)
            return
        will.due_at = self._frontend.time() + delay
        # The plugins' session ends with its connection.
        will.identity = replace(will.identity, plugin_session=None)
        self._delayed[will.identity] = will
        self._frontend.deadlines.watch(will, will.due_at)

    def returned(self, identity: Identity, *, session_present: bool) -> None:
        """The device has connected again, in the same session or in a new one."""
        will = self._delayed.pop(identity, None)
        if will is None:
            return
        self._frontend.deadlines.forget(will)
        if session_present and self._frontend.time() < will.due_at:
            self._forget(will)  # [MQTT-3.1.3-9]
        else:
            self._publish(will)

    def session_ended(self, identity: Identity) -> None:
        """Its session was forgotten: the Will is due, whatever its delay (5.0 section 3.1.2.5)."""
        self.returned(identity, session_present=False)

    # -- time, and the end -----------------------------------------------------------------------------------------

    def delay_is_over(self, will: LastWill) -> None:
        """Publish it."""
        del self._delayed[will.identity]
        self._publish(will)

    def publish_all(self, cause: CloseCause) -> None:
        """The adapter is stopping, and takes no more packets."""
        for will in self._kept.values():
            will.cause = cause
        for will in self._delayed.values():
            self._frontend.deadlines.forget(will)
        last = [*self._delayed.values(), *self._kept.values()]
        self._kept.clear()
        self._delayed.clear()
        for will in last:
            self._publish(will)

    def when_none_is_due(self, callback: Callable[[], None]) -> None:
        """Call back once, as soon as every published Will is in a lane or dropped, maybe at once."""
        self._when_none_is_due = callback
        self._announce()

    def _announce(self) -> None:
        if self._when_none_is_due is not None and not self._due:
            callback, self._when_none_is_due = self._when_none_is_due, None
            callback()

    def give_up(self) -> None:
        """The drain timeout is over."""
        for will in list(self._due):
            self._drop(will, Refusal(Reason.SHUTDOWN, "the adapter stopped before Kafka could be asked for its topic"))

    # -- to Kafka --------------------------------------------------------------------------------------------------

    def _publish(self, will: LastWill) -> None:
        self._frontend.counters.wills_published[will.cause] += 1
        self._due[will] = None
        found = self._frontend.gate.bind(will.record(), partial(self._bound, will))
        if found is not None:
            self._bound(will, found)

    def _bound(self, will: LastWill, found: Route | Refusal) -> None:
        if will not in self._due:  # given up
            return
        if isinstance(found, Refusal):
            self._drop(will, found)
            return
        del self._due[will]
        frontend = self._frontend
        qos = will.will.qos
        run = will.run = Run(found, will, qos, frontend.time(), frontend.wall_ms())
        run.payloads.append(will.will.payload)
        run.size = len(will.will.payload) + found.overhead
        frontend.ledger.received[qos] += 1
        found.lane.put(run)
        self._announce()

    def _drop(self, will: LastWill, why: Refusal) -> None:
        """It has no lane, and there is no device to be told."""
        del self._due[will]
        qos = will.will.qos
        ledger = self._frontend.ledger
        ledger.received[qos] += 1
        (ledger.refused if qos and why.reason in PUBACK_CODE else ledger.dropped)[qos][why.reason] += 1
        self._lost(will, why.reason, why.text)
        self._forget(will)
        self._announce()

    def settled(self, will: LastWill, outcome: Outcome) -> None:
        """Kafka has acknowledged it, or it is given up."""
        if outcome is not ACKNOWLEDGED:
            self._lost(will, outcome.reason, outcome.text)
        self._forget(will)

    def fault(self, will: LastWill, fault: Exception) -> None:
        """A bug in our own code, raised while its outcome was reported."""
        self._frontend.log.warning("internal error", client_id=will.identity.client_id, exc_info=fault)

    def _lost(self, will: LastWill, reason: Reason | None, text: str) -> None:
        self._frontend.log.warning("will lost", client_id=will.identity.client_id, reason=reason, text=text)

    def _forget(self, will: LastWill) -> None:
        self._frontend.counters.wills -= 1
        self._frontend.counters.will_bytes -= will.size
