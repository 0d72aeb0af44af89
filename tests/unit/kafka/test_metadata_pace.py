"""No client asks for metadata without a pause, whatever has its sender want it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from aiokafka.structs import TopicPartition

from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.metadata_pace import PAUSE_SECONDS, paced
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from tests.support.batches import Sent, make_batch, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def producer() -> AsyncIterator[Producer]:
    embedded = EmbeddedKafka()
    producer = Producer(KafkaOptions(await embedded.start()), grace=0.2)
    await embedded.create_topic("plant")
    await producer.start()
    yield producer
    await producer.stop(0.1)
    await embedded.stop()


class Client:
    pass


async def test_the_first_is_put_at_once_and_each_client_has_its_own_pace() -> None:
    asked: list[float] = []

    async def update(_: Client) -> bool:
        asked.append(time.monotonic())
        return True

    ask = paced(update)
    one, other = Client(), Client()
    began = time.monotonic()
    await asyncio.gather(ask(one), ask(other))
    assert asked[1] - began < PAUSE_SECONDS
    await ask(one)
    assert asked[2] - asked[0] >= PAUSE_SECONDS


async def test_a_batch_that_loses_its_leader_costs_a_few_questions_a_second_and_others_no_time(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert producer._current is not None
    inner = producer._current._producer
    lost = TopicPartition("plant", 0)
    inner._sender._muted_partitions.add(lost)
    sent = Sent(producer, make_batch("plant", 0, [b"1"]))
    await asyncio.sleep(0.05)
    leader_of = inner.client.cluster.leader_for_partition
    monkeypatch.setattr(inner.client.cluster, "leader_for_partition", lambda one: -1 if one == lost else leader_of(one))
    updates = 0
    update = inner.client.cluster.update_metadata

    def counted(answer: object) -> None:
        nonlocal updates
        updates += 1
        update(answer)

    monkeypatch.setattr(inner.client.cluster, "update_metadata", counted)
    inner._sender._muted_partitions.clear()
    assert await send(producer, make_batch("plant", 1, [b"1"])) is None  # wakes the sender
    began = time.monotonic()
    slowest = 0.0
    while time.monotonic() < began + 1.0:
        await asyncio.sleep(0.03)
        before = time.monotonic()
        assert await send(producer, make_batch("plant", 1, [b"1"])) is None
        slowest = max(slowest, time.monotonic() - before)
    assert 1 <= updates <= 2 + 1 / PAUSE_SECONDS
    assert slowest < PAUSE_SECONDS / 2, "batches of other partitions wait for metadata"
    assert not sent.answered
