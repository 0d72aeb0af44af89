"""Partition counts come from Kafka, and what changes about them is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from adapter.errors import BlockedError, TransientKafkaError
from adapter.kafka.questions import Standing
from adapter.kafka.topics import Topics
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class FakeMetadata:
    """Kafka has `there`; the producer knows what it was at the last refresh. `full`: of all topics."""

    def __init__(self, **there: int) -> None:
        self.there = dict(there)
        self.known = dict(there)
        self.asked: list[float] = []
        self.full = 0
        self.by_name: list[set[str]] = []
        self.away = False
        self.hidden: set[str] = set()  # what we may not describe
        self.old = False  # it cannot be asked by name
        self.answering = asyncio.Event()
        self.answering.set()

    def partitions(self, topic: str) -> int | None:
        return self.known.get(topic)

    async def standings(self, topics: Collection[str]) -> Mapping[str, Standing]:
        self.by_name.append(set(topics))
        if self.away:
            raise TransientKafkaError("away")
        if self.old:
            return {}
        told = {topic: self._standing(topic) for topic in topics}
        if Standing.THERE not in told.values():
            self.asked.append(time.monotonic())
        return told

    def _standing(self, topic: str) -> Standing:
        if topic in self.hidden:
            return Standing.HIDDEN
        return Standing.THERE if topic in self.there else Standing.MISSING

    async def refresh_metadata(self) -> None:
        self.asked.append(time.monotonic())
        self.full += 1
        await self.answering.wait()
        if self.away:
            raise TransientKafkaError("away")
        self.known = {topic: count for topic, count in self.there.items() if topic not in self.hidden}


class Changes(list[tuple[str, int, int]]):
    def __call__(self, topic: str, old: int, new: int) -> None:
        self.append((topic, old, new))


def topics(metadata: FakeMetadata, changes: Changes | None = None) -> Topics:
    return Topics(metadata, 60.0, changes if changes is not None else Changes())


async def test_a_known_topic_is_answered_without_asking() -> None:
    metadata = FakeMetadata(plant=3)
    known = topics(metadata)
    assert known.partition_count("plant") == 3
    assert await known.find("plant") == 3
    assert metadata.asked == []


async def test_a_topic_that_kafka_does_not_have_is_looked_for_twice() -> None:
    metadata = FakeMetadata()
    assert await topics(metadata).find("plant") is None
    assert metadata.by_name == [{"plant"}] * 2
    assert metadata.full == 0, "the metadata of all topics, which may be thousands"


async def test_a_topic_is_found_by_the_first_question_after_it_was_made() -> None:
    metadata = FakeMetadata()
    known = topics(metadata)
    assert await known.find("plant") is None
    metadata.there["plant"] = 3
    assert await known.find("plant") == 3


async def test_a_new_topic_is_found() -> None:
    metadata = FakeMetadata()
    known = topics(metadata)
    metadata.there["plant"] = 6
    assert known.partition_count("plant") is None
    assert await known.find("plant") == 6
    assert known.partition_count("plant") == 6


async def test_while_kafka_is_away_nothing_is_said_about_a_topic() -> None:
    metadata = FakeMetadata()
    metadata.away = True
    with pytest.raises(TransientKafkaError):
        await topics(metadata).find("plant")


async def test_many_who_look_at_once_share_one_question() -> None:
    metadata = FakeMetadata()
    known = topics(metadata)
    metadata.there |= {f"plant-{number}": 1 for number in range(50)}
    counts = await asyncio.gather(*(known.find(f"plant-{number}") for number in range(50)))
    assert counts == [1] * 50
    assert len(metadata.asked) == 1


async def test_kafka_is_asked_about_once_a_second_however_many_topics_are_missing() -> None:
    metadata = FakeMetadata()
    known = topics(metadata)
    await asyncio.gather(*(known.find(f"missing-{number}") for number in range(20)))
    await known.find("missing")
    assert len(metadata.asked) == 4
    assert all(later - earlier > 0.9 for earlier, later in zip(metadata.asked, metadata.asked[1:], strict=False))


async def test_an_answer_is_never_older_than_the_question() -> None:
    """Who asks while an answer is on its way waits for the next one."""
    metadata = FakeMetadata()
    known = topics(metadata)
    metadata.answering.clear()
    first = asyncio.create_task(known.refresh())
    await until(lambda: metadata.asked)
    second = asyncio.create_task(known.refresh())
    await asyncio.sleep(0)
    metadata.answering.set()
    await first
    assert len(metadata.asked) == 1
    await second
    assert len(metadata.asked) == 2


async def test_one_who_gives_up_does_not_spoil_it_for_the_others() -> None:
    metadata = FakeMetadata()
    known = topics(metadata)
    metadata.there["plant"] = 1
    impatient, patient = asyncio.create_task(known.find("plant")), asyncio.create_task(known.find("plant"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 1


async def test_more_partitions_are_told() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.there["plant"] = 5
    await known.refresh()
    assert changes == [("plant", 3, 5)]
    assert known.partition_count("plant") == 5


async def test_a_topic_is_gone_when_two_answers_lack_it() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.there = {}
    await known.refresh()
    assert (known.partition_count("plant"), changes) == (3, [])
    await known.refresh()
    assert (known.partition_count("plant"), changes) == (None, [("plant", 3, 0)])


async def test_a_topic_is_not_gone_while_the_right_to_describe_it_is_missing() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.hidden = {"plant"}
    with capture_logs() as lines:
        for _ in range(3):
            await known.refresh()
    assert (known.partition_count("plant"), await known.find("plant"), changes) == (3, 3, [])
    assert [(line["event"], line["kafka_topic"], line["topics"]) for line in lines] == [
        ("Kafka topic may not be described any more; grant Describe and Write", "plant", 1)
    ]
    metadata.hidden.clear()
    metadata.there["plant"] = 4
    await known.refresh()
    assert (known.partition_count("plant"), changes) == (4, [("plant", 3, 4)])


async def test_a_topic_that_kafka_cannot_be_asked_about_by_name_is_not_gone_either() -> None:
    class Mute(FakeMetadata):
        async def standings(self, topics: Collection[str]) -> Mapping[str, Standing]:
            raise TransientKafkaError(f"no answer about {topics}")

    metadata, changes = Mute(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.there = {}
    for _ in range(3):
        await known.refresh()
    assert (known.partition_count("plant"), changes) == (3, [])


async def test_of_brokers_too_old_to_be_asked_by_name_the_answers_about_all_topics_count() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    metadata.old = True
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.there = {"yard": 1}
    for _ in range(2):
        await known.refresh()
    assert changes == [("plant", 3, 0)]
    assert await known.find("yard") == 1


async def test_a_topic_that_may_not_be_described_is_not_said_to_be_missing() -> None:
    metadata = FakeMetadata(plant=3)
    metadata.hidden = {"plant"}
    await metadata.refresh_metadata()
    known = topics(metadata)
    missing, hidden = await asyncio.gather(known.find("missing"), known.find("plant"), return_exceptions=True)
    assert missing is None
    assert isinstance(hidden, BlockedError)
    assert metadata.full == 1, "the metadata of all topics does not have it"
    metadata.hidden.clear()
    assert await known.find("plant") == 3


async def test_fewer_partitions_are_believed_when_two_answers_say_so() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    metadata.there = {"plant": 2}
    await known.refresh()
    assert (known.partition_count("plant"), changes) == (3, [])
    await known.refresh()
    assert (known.partition_count("plant"), changes) == (2, [("plant", 3, 2)])


async def test_a_topic_that_one_answer_lacks_is_not_gone() -> None:
    metadata, changes = FakeMetadata(plant=3), Changes()
    known = topics(metadata, changes)
    known.partition_count("plant")
    for there in ({}, {"plant": 3}, {}, {"plant": 3}):
        metadata.there = there
        await known.refresh()
    assert (known.partition_count("plant"), changes) == (3, [])


async def test_the_embedded_broker_makes_what_is_missing() -> None:
    metadata = FakeMetadata(old=1)
    made: list[str] = []

    async def create(topic: str) -> None:
        made.append(topic)
        metadata.there[topic] = 4

    known = Topics(metadata, 60.0, Changes(), create)
    assert await known.find("old") == 1
    assert await known.find("plant") == 4
    assert made == ["plant"]
    assert len(metadata.asked) == 1


async def test_changes_are_noticed_by_themselves_also_after_kafka_was_away() -> None:
    metadata, changes = FakeMetadata(plant=1), Changes()
    known = Topics(metadata, 0.01, changes)
    known.partition_count("plant")
    metadata.away = True
    await known.start()
    await until(lambda: metadata.asked)
    metadata.there["plant"] = 2
    metadata.away = False
    await until(lambda: changes)
    await known.stop()
    assert changes == [("plant", 1, 2)]


async def test_a_fault_of_ours_ends_no_looking_at_topics() -> None:
    class Faulty(FakeMetadata):
        async def refresh_metadata(self) -> None:
            await super().refresh_metadata()
            if len(self.asked) == 1:
                raise ValueError("a fault of ours")

    metadata, changes = Faulty(plant=3), Changes()
    known = Topics(metadata, 0.01, changes)
    assert known.partition_count("plant") == 3
    metadata.there["plant"] = 4
    with capture_logs() as lines:
        await known.start()
        await until(lambda: changes == [("plant", 3, 4)])
        await known.stop()
    assert [(line["log_level"], line["event"]) for line in lines] == [("error", "refreshing Kafka's topics failed")]
