"""Where the front end's questions are answered: who may connect, and which lane a publish goes to.

Identity, routing, Kafka's topics and the pipeline meet here and only here. An answer that needs nothing from outside is
given at once; one that waits for a plugin or for Kafka's metadata is a task of this object, made once for a topic of a
connection, while everything behind that publish waits in the connection, in order. It is cancelled when the connection
closes.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from adapter.errors import BlockedError, ConnectRefusedError, TransientKafkaError
from adapter.model import Connect, Delivery, Identity, PublishHeader, RecordTemplate, Refusal
from adapter.outage import Outage
from adapter.reasons import Reason, ReasonCode
from adapter.runs import Route, Sink
from adapter.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapter.peer import Peer

Found = TypeVar("Found")

_FORBIDDEN = Refusal(Reason.NOT_AUTHORIZED, "not authorised to publish to this topic")
_NOT_CHECKED = Refusal(Reason.NOT_CHECKED, "the server could not check the topic")


class Router(Protocol):
    """`adapter.routing`."""

    def route(self, identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal:
        """The record a publish leads to."""


class Gatekeeper(Protocol):
    """`adapter.identity`."""

    @property
    def checks_topics(self) -> bool:
        """Whether `may_publish` has to be asked."""

    async def authenticate(self, connect: Connect, peer: Peer) -> Identity:
        """Who it is; raises ConnectRefusedError."""

    async def may_publish(self, identity: Identity, topic: str) -> bool | None:
        """Whether the plugins allow the topic; None: they cannot say."""


class Topics(Protocol):
    """`adapter.kafka`."""

    def partition_count(self, topic: str) -> int | None:
        """None: not known, or no such topic."""

    async def find(self, topic: str) -> int | None:
        """The partition count, from Kafka if need be; None: no such topic.

        Raises TransientKafkaError, and BlockedError if the adapter may not know.
        """


class Lanes(Protocol):
    """`adapter.delivery`."""

    def lane(self, topic: str, partition: int) -> Sink:
        """The lane of a partition."""

    def expiring_lane(self, topic: str, partition: int) -> Sink:
        """The same lane, for messages that may expire."""

    def retire(self, topic: str, callback: Callable[[], None]) -> None:
        """Empty the topic's lanes."""


class DeadLetters(Protocol):
    """`adapter.dead_letters`."""

    topic: str | None

    def of_publish(self, identity: Identity, header: PublishHeader, refusal: Refusal) -> RecordTemplate | Refusal:
        """The dead letter that a publish without a record becomes; the refusal if it stands."""

    def of_record(self, template: RecordTemplate, refusal: Refusal) -> RecordTemplate | Refusal:
        """The dead letter that a record becomes; the refusal if it stands."""

    def sink(self, lane: Sink, refusal: Refusal, is_over: Callable[[], bool]) -> Sink:
        """The lane, as dead letters see it, until `is_over`."""


class Log(Protocol):
    """Rate-limited lines."""

    def warning(self, event: str, **fields: object) -> None:
        """One line, or none."""


class Ingress:
    """The `Gate` of the front end."""

    def __init__(  # noqa: PLR0913, PLR0917 - it joins these parts, and is made once
        self,
        router: Router,
        gatekeeper: Gatekeeper,
        topics: Topics,
        lanes: Lanes,
        partition_for: Callable[[bytes | None, int], int],
        dead_letters: DeadLetters,
        log: Log,
        *,
        puback_on_receipt: bool,
    ) -> None:
        self._router = router
        self._gatekeeper = gatekeeper
        self._topics = topics
        self._lanes = lanes
        self._partition_for = partition_for
        self._dead_letters = dead_letters
        self._log = log
        self._puback_on_receipt = puback_on_receipt
        self._moving: dict[str, asyncio.Event] = {}
        self._tasks = Tasks(lambda fault: log.warning("a look-up failed", error=repr(fault)))
        self._outage = Outage(topics, self._tasks)

    # -- connections -----------------------------------------------------------------------------------------------

    def authenticate(
        self, connect: Connect, peer: Peer, done: Callable[[Identity | ConnectRefusedError], None]
    ) -> asyncio.Task[None]:
        """Ask the gatekeeper; a slow plugin holds up this connection only."""
        return self._tasks.spawn(self._authenticate(connect, peer, done))

    async def _authenticate(
        self, connect: Connect, peer: Peer, done: Callable[[Identity | ConnectRefusedError], None]
    ) -> None:
        answer: Identity | ConnectRefusedError
        try:
            answer = await self._gatekeeper.authenticate(connect, peer)
        except ConnectRefusedError as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave the device without an answer
            self._log.warning("authentication failed", error=repr(error))
            answer = ConnectRefusedError(ReasonCode.SERVER_UNAVAILABLE, "the server cannot check credentials now")
        done(answer)

    # -- publishes -------------------------------------------------------------------------------------------------

    def resolve(
        self, identity: Identity, header: PublishHeader, done: Callable[[Route | Refusal], None]
    ) -> Route | Refusal | asyncio.Task[None]:
        """The route of a publish, or the task that looks it up, after which `done` gets it."""
        template = self._template(identity, header)
        if isinstance(template, Refusal):
            return template
        if not self._gatekeeper.checks_topics:
            route = self._bind(template)
            if route is not None:
                return route
        return self._tasks.spawn(self._look_up(partial(self._authorised_route, identity, header, template), done))

    def authorise(
        self, identity: Identity, header: PublishHeader, done: Callable[[RecordTemplate | Refusal], None]
    ) -> RecordTemplate | Refusal | None:
        """The first half of `resolve`, for a message to come: Kafka may be away, and the topic be made later."""
        template = self._template(identity, header)
        if isinstance(template, Refusal) or not self._gatekeeper.checks_topics:
            return template
        self._tasks.spawn(self._look_up(partial(self._authorised, identity, header, template), done))
        return None

    def bind(self, template: RecordTemplate, done: Callable[[Route | Refusal], None]) -> Route | Refusal | None:
        """The other half. A topic that the adapter may not describe is as good as missing.

        The device is gone, so nothing else would bound how many messages wait for a right that may never be granted.
        """
        route = self._bind(template)
        if route is None:
            self._tasks.spawn(self._look_up(partial(self._found, template, waits_for_rights=False), done))
        return route

    def _template(self, identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal:
        template = self._router.route(identity, header)
        if isinstance(template, RecordTemplate) and template.topic == self._dead_letters.topic:
            template = Refusal(Reason.BAD_TOPIC, f"the Kafka topic {template.topic} is for dead letters only")
        if isinstance(template, Refusal):
            template = self._dead_letters.of_publish(identity, header, template)
        return template

    async def _look_up(self, question: Callable[[], Awaitable[Found]], done: Callable[[Found | Refusal], None]) -> None:
        answer: Found | Refusal
        try:
            answer = await question()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection must not wait for ever
            self._log.warning("topic look-up failed", error=repr(error))
            answer = _NOT_CHECKED
        done(answer)

    async def _authorised(
        self, identity: Identity, header: PublishHeader, template: RecordTemplate
    ) -> RecordTemplate | Refusal:
        allowed = await self._gatekeeper.may_publish(identity, header.topic)
        if allowed is None:
            return _NOT_CHECKED
        return template if allowed else _FORBIDDEN

    async def _authorised_route(
        self, identity: Identity, header: PublishHeader, template: RecordTemplate
    ) -> Route | Refusal:
        if self._gatekeeper.checks_topics:
            authorised = await self._authorised(identity, header, template)
            if isinstance(authorised, Refusal):
                return authorised
        return await self._found(template)

    async def _found(self, template: RecordTemplate, *, waits_for_rights: bool = True) -> Route | Refusal:
        missing: str | None = None
        while True:
            moving = self._moving.get(template.topic)
            if moving is not None:
                await moving.wait()
            route = self._bind(template, missing)
            if route is not None:
                return route
            refusal: Refusal | None = None
            try:
                if await self._topics.find(template.topic) is None:
                    refusal = self._missing(template.topic)
            except TransientKafkaError as error:  # Kafka is away, or does not tell: that says nothing about the topic
                hidden = self._hidden(template.topic) if isinstance(error, BlockedError) else None
                if waits_for_rights or hidden is None:
                    await self._outage.wait(template.topic)
                else:
                    refusal = hidden
            if refusal is not None:
                missing = template.topic
                letter = self._dead_letters.of_record(template, refusal)
                if isinstance(letter, Refusal):
                    return letter
                template = letter

    def _missing(self, topic: str) -> Refusal:
        self._log.warning("Kafka topic is missing; create it", kafka_topic=topic)
        return Refusal(Reason.KAFKA_TOPIC_MISSING, f"the Kafka topic {topic} does not exist")

    def _hidden(self, topic: str) -> Refusal:
        self._log.warning("Kafka topic may not be described; grant Describe and Write", kafka_topic=topic)
        return Refusal(Reason.KAFKA_TOPIC_MISSING, f"the Kafka topic {topic} may not be described by the adapter")

    def _bind(self, template: RecordTemplate, missing: str | None = None) -> Route | None:
        """The route, if the partition can be told now. It is a dead letter's as long as a topic is `missing`."""
        count = self._topics.partition_count(template.topic)
        if count is None or template.topic in self._moving:
            return None
        return self._route(template, count, missing)

    def _route(self, template: RecordTemplate, count: int, missing: str | None = None) -> Route:
        partition = self._partition_for(template.key, count)
        at = self._lanes.lane if template.expiry is None else self._lanes.expiring_lane
        lane = at(template.topic, partition)
        if template.refusal is not None:
            lane = self._dead_letters.sink(
                lane,
                template.refusal,
                lambda: missing is not None and self._topics.partition_count(missing) is not None,
            )
        if template.delivery is None:
            on_receipt = self._puback_on_receipt
        else:
            on_receipt = template.delivery is Delivery.AT_MOST_ONCE
        return Route(template, lane, ack_on_receipt=on_receipt)

    def route_refused(self, template: RecordTemplate, refusal: Refusal) -> Route | Refusal:
        """Where a message goes that is refused after its record was made: to the dead letters, or the refusal stands.

        Nobody can wait here. So while the dead-letter topic gets more partitions, and its lanes drain for that, what
        comes may be in its new partition before older dead letters of its device are in the old one.
        """
        letter = self._dead_letters.of_record(template, refusal)
        if isinstance(letter, Refusal):
            return letter
        count = self._topics.partition_count(letter.topic)
        if count is not None:
            return self._route(letter, count)
        # Which of the two only Kafka could tell.
        self._log.warning("Kafka topic is missing; create it, or grant Describe and Write", kafka_topic=letter.topic)
        absent = f"the Kafka topic {letter.topic} does not exist, or may not be described by the adapter"
        again = self._dead_letters.of_record(letter, Refusal(Reason.KAFKA_TOPIC_MISSING, absent))
        assert isinstance(again, Refusal), "a dead letter never becomes another one"
        return again

    async def find_dead_letter_topic(self) -> None:
        """Look for the dead-letter topic, if there is to be one, and say so when it is missing or hidden."""
        topic = self._dead_letters.topic
        if topic is not None:
            try:
                if await self._topics.find(topic) is None:
                    self._missing(topic)
            except BlockedError:
                self._hidden(topic)
            except TransientKafkaError:  # who needs it looks again
                pass

    def partition_count_changed(self, topic: str, old: int, new: int) -> None:
        """A key may lead to another partition now: first empty the old lanes, so that no record overtakes one there."""
        self._log.warning("partition count changed", kafka_topic=topic, old=old, new=new)
        if topic in self._moving:
            return
        moved = self._moving[topic] = asyncio.Event()

        def emptied() -> None:
            del self._moving[topic]
            moved.set()

        self._lanes.retire(topic, emptied)

    async def stop(self) -> None:
        """Cancel what is still being looked up; the connections are closed by then."""
        await self._tasks.stop()
