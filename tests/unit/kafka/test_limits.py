"""How large a topic's batches may be is learned where Kafka tells it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import errors

from adapter.errors import TransientKafkaError
from adapter.kafka.limits import Limits, ask
from adapter.kafka.questions import Standing
from adapter.kafka.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Source:
    """Kafka: tells what it is set to tell, of topics that are there."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self.counts = dict.fromkeys(limits, 3)
        self.asked: list[set[str]] = []
        self.away = False

    async def message_limits(self, topics: Collection[str]) -> Mapping[str, int | None]:
        self.asked.append(set(topics))
        if self.away:
            raise TransientKafkaError("away")
        return {topic: self.limits.get(topic) for topic in topics if topic in self.counts}

    def partitions(self, topic: str) -> int | None:
        return self.counts.get(topic)

    async def refresh_metadata(self) -> None:
        pass

    async def standings(self, topics: Collection[str]) -> Mapping[str, Standing]:
        return {topic: Standing.THERE if topic in self.counts else Standing.MISSING for topic in topics}


class Told(list[tuple[str, int]]):
    def __call__(self, topic: str, size: int) -> None:
        self.append((topic, size))


async def test_a_limit_is_told_when_it_is_new() -> None:
    source, told = Source(plant=2000, yard=1000), Told()
    limits = Limits(source, told)
    await limits.learn({"plant"})
    await limits.learn({"plant", "yard"})
    source.limits["plant"] = 3000
    await limits.learn({"plant", "yard"})
    assert told == [("plant", 2000), ("yard", 1000), ("plant", 3000)]


async def test_while_kafka_is_away_the_limits_stay_as_they_are() -> None:
    source, told = Source(plant=2000), Told()
    source.away = True
    await Limits(source, told).learn({"plant"})
    assert told == []


async def test_that_kafka_does_not_tell_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    source = Source()
    limits = Limits(source, Told())
    await limits.learn({"plant"})  # it has been deleted, say
    assert "grant DescribeConfigs" not in capsys.readouterr().out
    source.counts["plant"] = 3
    await limits.learn({"plant"})
    await limits.learn({"plant"})
    assert capsys.readouterr().out.count("grant DescribeConfigs") == 1


async def test_a_topic_is_known_when_its_limit_is() -> None:
    source, told = Source(plant=2000), Told()
    topics = Topics(source, 60.0, lambda *_: None, limits=Limits(source, told))
    assert topics.partition_count("plant") is None
    assert told == []
    assert await topics.find("plant") == 3
    assert told == [("plant", 2000)]
    assert topics.partition_count("plant") == 3
    await topics.stop()


@pytest.mark.parametrize("away", [False, True])
async def test_a_topic_whose_limit_is_not_told_is_known_all_the_same(away: bool) -> None:  # noqa: FBT001 - a case
    source = Source()
    source.counts["plant"] = 3
    source.away = away
    topics = Topics(source, 60.0, lambda *_: None, limits=Limits(source, Told()))
    assert await topics.find("plant") == 3
    assert await topics.find("missing") is None
    await topics.stop()


async def test_a_limit_that_changes_is_noticed_at_the_next_refresh() -> None:
    source, told = Source(plant=2000), Told()
    topics = Topics(source, 60.0, lambda *_: None, limits=Limits(source, told))
    await topics.find("plant")
    source.limits["plant"] = 500
    await topics.refresh()
    await topics.find("plant")
    await topics.stop()
    assert source.asked[-1] == {"plant"}
    assert told[-1] == ("plant", 500)


class Client:
    """An aiokafka client whose brokers answer as set."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def get_random_node(self) -> int:
        return 1

    async def send(self, _node: int, _request: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_the_answer_is_read_topic_by_topic_and_says_where_the_right_is_missing() -> None:
    entry = ("max.message.bytes", "2000", False, 5, False, [])
    other = ("retention.ms", "1", False, 5, False, [])
    without = ("max.message.bytes", None, False, 5, False, [])
    resources = [
        (0, None, 2, "plant", [other, entry]),
        (0, None, 2, "field", [without]),
        (29, "no right", 2, "yard", []),
        (3, "not there", 2, "gone", []),
    ]
    told = await ask(Client(SimpleNamespace(resources=resources)), ["plant", "field", "yard", "gone"])
    assert told == {"plant": 2000, "yard": None}


async def test_a_broker_that_does_not_know_the_question_tells_nothing() -> None:
    assert await ask(Client(errors.IncompatibleBrokerVersion("no")), ["plant"]) == {}


@pytest.mark.parametrize("error", [errors.NodeNotReadyError("no"), errors.RequestTimedOutError(), OSError("gone")])
async def test_a_broker_that_does_not_answer_is_asked_another_time(error: Exception) -> None:
    with pytest.raises(TransientKafkaError):
        await ask(Client(error), ["plant"])
