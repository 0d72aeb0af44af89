"""Where refused publishes go when there is a dead-letter topic: identity, routing, topics and lanes together."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from adapter.dead_letters import DeadLetters
from adapter.errors import BlockedError, ConnectRefusedError, TransientKafkaError
from adapter.ingress import Ingress
from adapter.model import Connect, Identity, PublishHeader, RecordTemplate, Refusal
from adapter.outage import RETRY_SECONDS
from adapter.reasons import Reason, ReasonCode
from adapter.runs import Route, Run
from tests.support.fakes import FakeLog

if TYPE_CHECKING:
    from adapter.mqtt.ports import LookUp
    from adapter.peer import Peer

ENDLESS = 1_000_000
WHO = Identity("c1", "d@t", "t", "d")


class Lane:
    """One partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self.place = (topic, partition)
        self.retired = False
        self.expiring = False
        self.runs: list[Run] = []

    def put(self, run: Run) -> None:
        self.runs.append(run)


class World:
    """Routes `ok/…` to the topic `plant`, refuses `bad/…`, and is the gatekeeper, Kafka and the pipeline besides."""

    def __init__(self, *topics: str, dead_letter_topic: str | None = "letters", checks_topics: bool = False) -> None:
        self.topics = dict.fromkeys(topics, 2)
        self.away = 0
        self.hidden: set[str] = set()  # topics that the adapter may not describe
        self.finds = 0
        self.answers: list[Route | Refusal] = []
        self.checks_topics = checks_topics
        self.allowed: bool | None = True
        self.asked: list[str] = []
        self.log = FakeLog()
        self.counts: tuple[Counter[Reason], ...] = (Counter(), Counter(), Counter())
        letters = DeadLetters(dead_letter_topic, "mqtt", self.counts, self.log)
        self.ingress = Ingress(
            self, self, self, self, lambda _key, _count: 1, letters, self.log, puback_on_receipt=False
        )

    def route(self, _identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal:
        if header.topic.startswith("bad/"):
            return Refusal(Reason.BAD_TOPIC, "no route")
        if header.topic.startswith("foreign/"):
            return Refusal(Reason.NOT_AUTHORIZED, "not yours")
        return RecordTemplate("letters" if header.topic == "ok/letters" else "plant", b"d", (), "test")

    async def authenticate(self, _connect: Connect, _peer: Peer) -> Identity:
        raise ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, "not asked here")

    async def may_publish(self, _identity: Identity, topic: str) -> bool | None:
        self.asked.append(topic)
        return self.allowed

    def partition_count(self, topic: str) -> int | None:
        return self.topics.get(topic)

    async def find(self, topic: str) -> int | None:
        self.finds += 1
        if self.away:
            self.away -= 1
            raise TransientKafkaError("away")
        if topic in self.hidden:
            raise BlockedError("not allowed")
        return self.partition_count(topic)

    def lane(self, topic: str, partition: int) -> Lane:
        return Lane(topic, partition)

    def expiring_lane(self, topic: str, partition: int) -> Lane:
        lane = Lane(topic, partition)
        lane.expiring = True
        return lane

    async def look_up(self, number: int) -> list[LookUp]:
        """So many connections that wait while Kafka is away."""
        answers = [self.ingress.resolve(WHO, PublishHeader("ok/x", 1), self.answers.append) for _ in range(number)]
        await asyncio.sleep(0.05)
        assert self.answers == []
        return [answer for answer in answers if not isinstance(answer, Route | Refusal)]

    def retire(self, topic: str, callback: object) -> None:
        raise NotImplementedError

    async def resolve(self, topic: str) -> Route | Refusal:
        later: asyncio.Future[Route | Refusal] = asyncio.get_running_loop().create_future()
        now = self.ingress.resolve(WHO, PublishHeader(topic, 1), later.set_result)
        return now if isinstance(now, Route | Refusal) else await later


def is_letter(answer: Route | Refusal, reason: Reason) -> bool:
    return isinstance(answer, Route) and answer.template.topic == "letters" and _reason(answer) is reason


def _reason(route: Route) -> Reason | None:
    return route.template.refusal.reason if route.template.refusal is not None else None


@pytest.mark.parametrize("checks_topics", [False, True])
async def test_a_publish_without_a_route_goes_to_the_dead_letters(checks_topics: bool) -> None:  # noqa: FBT001 - a case
    world = World("plant", "letters", checks_topics=checks_topics)
    assert is_letter(await world.resolve("bad/x"), Reason.BAD_TOPIC)


async def test_a_plugin_that_forbids_the_topic_keeps_the_device_out_of_the_dead_letters() -> None:
    world = World("plant", "letters", checks_topics=True)
    world.allowed = False
    answer = await world.resolve("bad/x")
    assert world.asked == ["bad/x"]
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.NOT_AUTHORIZED


async def test_a_plugin_that_cannot_say_refuses_with_a_reason_of_its_own_and_leaves_no_dead_letter() -> None:
    world = World("plant", "letters", checks_topics=True)
    world.allowed = None
    assert await world.resolve("ok/x") == Refusal(Reason.NOT_CHECKED, "the server could not check the topic")


async def test_what_a_device_is_not_authorised_for_stays_refused() -> None:
    answer = await World("plant", "letters").resolve("foreign/x")
    assert answer == Refusal(Reason.NOT_AUTHORIZED, "not yours")


async def test_a_missing_topic_leads_to_the_dead_letters_until_it_is_made() -> None:
    world = World("letters")
    world.away = 1
    answer = await world.resolve("ok/x")
    assert is_letter(answer, Reason.KAFKA_TOPIC_MISSING)
    assert isinstance(answer, Route)
    assert not answer.lane.retired
    world.topics["plant"] = 1
    assert answer.lane.retired


async def test_without_the_dead_letter_topic_the_refusal_tells_both_reasons() -> None:
    assert await World("plant").resolve("bad/x") == Refusal(
        Reason.BAD_TOPIC, "no route; refused as a dead letter too: the Kafka topic letters does not exist"
    )


async def test_nothing_is_routed_to_the_dead_letter_topic_as_if_it_were_another() -> None:
    assert is_letter(await World("plant", "letters").resolve("ok/letters"), Reason.BAD_TOPIC)


async def test_without_a_dead_letter_topic_refusals_stand() -> None:
    world = World(dead_letter_topic=None)
    assert await world.resolve("bad/x") == Refusal(Reason.BAD_TOPIC, "no route")
    missing = await world.resolve("ok/x")
    assert missing == Refusal(Reason.KAFKA_TOPIC_MISSING, "the Kafka topic plant does not exist")
    refusal = Refusal(Reason.REJECTED_BY_KAFKA, "no")
    assert world.ingress.route_refused(RecordTemplate("plant", b"d", (), "test"), refusal) is refusal


async def test_a_record_that_was_accepted_and_refused_later_goes_to_the_dead_letters_at_once() -> None:
    world = World("plant", "letters")
    template = RecordTemplate("plant", b"d", (), "test")
    refusal = Refusal(Reason.REJECTED_BY_KAFKA, "no")
    assert is_letter(world.ingress.route_refused(template, refusal), Reason.REJECTED_BY_KAFKA)
    del world.topics["letters"]
    assert world.ingress.route_refused(template, refusal) == Refusal(
        Reason.REJECTED_BY_KAFKA,
        "no; refused as a dead letter too: "
        "the Kafka topic letters does not exist, or may not be described by the adapter",
    )


async def test_a_dead_letter_topic_that_is_missing_is_said_at_the_start() -> None:
    world = World("plant")
    await world.ingress.find_dead_letter_topic()
    assert world.log.events == [("Kafka topic is missing; create it", {"kafka_topic": "letters"})]
    world.away = 1
    await world.ingress.find_dead_letter_topic()
    assert len(world.log.events) == 1
    world.hidden = {"letters"}
    await world.ingress.find_dead_letter_topic()
    assert world.log.events[1:] == [
        ("Kafka topic may not be described; grant Describe and Write", {"kafka_topic": "letters"})
    ]


# -- Wills: authorised when their device connects, bound to a lane when it is lost --


async def authorise(world: World, topic: str) -> RecordTemplate | Refusal:
    later: asyncio.Future[RecordTemplate | Refusal] = asyncio.get_running_loop().create_future()
    now = world.ingress.authorise(WHO, PublishHeader(topic, 1), later.set_result)
    assert (now is None) == world.checks_topics
    return await later if now is None else now


async def bind(world: World, template: RecordTemplate) -> Route | Refusal:
    later: asyncio.Future[Route | Refusal] = asyncio.get_running_loop().create_future()
    now = world.ingress.bind(template, later.set_result)
    return await later if now is None else now


@pytest.mark.parametrize("checks_topics", [False, True])
async def test_a_message_to_come_is_authorised_without_kafka(checks_topics: bool) -> None:  # noqa: FBT001 - a case
    world = World(checks_topics=checks_topics, dead_letter_topic=None)
    world.away = 1000
    assert await authorise(world, "ok/x") == RecordTemplate("plant", b"d", (), "test")
    assert world.asked == (["ok/x"] if checks_topics else [])
    assert world.away == 1000


@pytest.mark.parametrize(("allowed", "reason"), [(False, Reason.NOT_AUTHORIZED), (None, Reason.NOT_CHECKED)])
async def test_plugins_are_asked_about_a_message_to_come(allowed: bool | None, reason: Reason) -> None:  # noqa: FBT001
    world = World("plant", checks_topics=True)
    world.allowed = allowed
    answer = await authorise(world, "ok/x")
    assert isinstance(answer, Refusal)
    assert answer.reason is reason


async def test_a_message_to_come_that_has_no_route_is_to_be_a_dead_letter_or_is_refused() -> None:
    letter = await authorise(World("letters"), "bad/x")
    assert isinstance(letter, RecordTemplate)
    assert letter.topic == "letters"
    assert await authorise(World(dead_letter_topic=None), "bad/x") == Refusal(Reason.BAD_TOPIC, "no route")


async def test_an_authorised_record_is_bound_without_asking_again() -> None:
    world = World("plant", checks_topics=True)
    world.allowed = False
    world.away = 1
    template = RecordTemplate("plant", b"d", (), "test")
    assert isinstance(await bind(world, template), Route)
    del world.topics["plant"]
    world.away = 1
    missing = await bind(world, template)
    assert isinstance(missing, Refusal)
    assert missing.reason is Reason.KAFKA_TOPIC_MISSING
    assert world.asked == []


async def test_a_message_that_may_expire_gets_the_lane_that_looks_for_it() -> None:
    template = RecordTemplate("plant", b"d", (), "test")
    world = World("plant", "letters")
    for record, expiring in ((template, False), (replace(template, expiry=5), True)):
        route = await bind(world, record)
        assert isinstance(route, Route)
        assert isinstance(route.lane, Lane)
        assert route.lane.expiring is expiring


# -- while Kafka is away -----------------------------------------------------------------------------------------------


async def test_all_who_wait_for_a_topic_share_one_look_and_are_all_answered() -> None:
    world = World("plant")
    world.topics.clear()
    world.away = 101
    await world.look_up(100)
    assert world.finds == 100
    await asyncio.sleep(1.3 * RETRY_SECONDS)
    assert world.finds == 101
    world.topics["plant"] = 2
    await asyncio.sleep(RETRY_SECONDS)
    assert world.finds == 102
    assert [type(answer) for answer in world.answers] == [Route] * 100


async def test_who_has_gone_is_not_answered_and_leaves_nothing_behind() -> None:
    world = World("plant")
    world.topics.clear()
    world.away = ENDLESS
    waiting = await world.look_up(3)
    at_once = world.ingress.resolve(WHO, PublishHeader("ok/x", 1), world.answers.append)
    assert len(waiting) == 3
    assert not isinstance(at_once, Route | Refusal)
    for one in (*waiting, at_once):
        one.cancel()
    await asyncio.sleep(0.01)
    assert not world.ingress._tasks
    await asyncio.sleep(1.3 * RETRY_SECONDS)
    assert world.finds == 3
    assert world.answers == []


async def test_those_who_stay_are_answered_when_another_has_gone() -> None:
    world = World("plant")
    world.topics.clear()
    world.away = 3
    first, *_ = await world.look_up(3)
    first.cancel()
    world.topics["plant"] = 2
    await asyncio.sleep(1.3 * RETRY_SECONDS)
    assert len(world.answers) == 2
    assert not world.ingress._tasks


# -- while the adapter may not describe a topic ------------------------------------------------------------------------


@pytest.mark.parametrize("dead_letter_topic", [None, "letters"])
async def test_publishes_to_a_topic_that_may_not_be_described_wait_for_the_right(dead_letter_topic: str | None) -> None:
    world = World("letters", dead_letter_topic=dead_letter_topic)
    world.hidden = {"plant"}
    await world.look_up(10)
    await asyncio.sleep(2.3 * RETRY_SECONDS)
    assert world.answers == []
    assert world.finds == 12, "one look for all"
    assert set(map(repr, world.log.events)) == {
        repr(("Kafka topic may not be described; grant Describe and Write", {"kafka_topic": "plant"}))
    }
    world.hidden.clear()
    world.topics["plant"] = 2
    await asyncio.sleep(1.3 * RETRY_SECONDS)
    assert [answer.template.topic for answer in world.answers if isinstance(answer, Route)] == ["plant"] * 10


async def test_a_topic_that_turns_out_to_be_missing_when_the_right_is_there_is_refused() -> None:
    world = World(dead_letter_topic=None)
    world.hidden = {"plant"}
    await world.look_up(1)
    world.hidden.clear()
    await asyncio.sleep(1.3 * RETRY_SECONDS)
    assert world.answers == [Refusal(Reason.KAFKA_TOPIC_MISSING, "the Kafka topic plant does not exist")]


async def test_a_will_does_not_wait_for_the_right_to_its_topic() -> None:
    """Its device is gone, and may come again and again to leave another one."""
    template = RecordTemplate("plant", b"d", (), "test")
    for world in (World(dead_letter_topic=None), World("letters")):
        world.hidden = {"plant"}
        found = await bind(world, template)
        if world.topics:
            assert is_letter(found, Reason.KAFKA_TOPIC_MISSING)
        else:
            text = "the Kafka topic plant may not be described by the adapter"
            assert found == Refusal(Reason.KAFKA_TOPIC_MISSING, text)
