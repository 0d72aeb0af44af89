"""The producer keeps its promises to delivery while what is inside it breaks. On a real Kafka: tests/e2e."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import errors
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from adapter.errors import (
    BlockedError,
    ConfigurationError,
    PartitionGoneError,
    ProducerLostError,
    RejectedError,
    TimestampError,
    TooLargeError,
    TransientKafkaError,
    UnknownOutcomeError,
)
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from tests.support.batches import Sent, make_batch, send
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def kafka() -> AsyncIterator[KafkaOptions]:
    embedded = EmbeddedKafka()
    options = KafkaOptions(await embedded.start(), request_timeout_ms=2000)
    await embedded.create_topic("plant")
    yield options
    await embedded.stop()


@pytest.fixture
async def producer(kafka: KafkaOptions) -> AsyncIterator[Producer]:
    producer = Producer(kafka, grace=0.2)
    await producer.start()
    yield producer
    await producer.stop(1.0)


def inner_producer(producer: Producer) -> Any:
    """The aiokafka producer at work, to break it."""
    assert producer._current is not None
    return producer._current._producer


def kill_sender(producer: Producer) -> None:
    """What aiokafka does when something unforeseen happens in its sender."""
    accumulator = inner_producer(producer)._message_accumulator
    accumulator.fail_all(errors.KafkaError("Unexpected error during batch delivery"))


def hold(producer: Producer, partition: int) -> None:
    """Have the aiokafka producer at work never send what it is given for the partition."""
    inner_producer(producer)._sender._muted_partitions.add(TopicPartition("plant", partition))


def release(inner: Any) -> None:
    """Have an aiokafka producer send what it holds."""
    inner._sender._muted_partitions.clear()
    inner._message_accumulator.waiter().set_result(None)  # wakes its sender


def fail(producer: Producer, error: Exception) -> None:
    """Have the next batch that the aiokafka producer at work gets fail, as brokers make it fail."""
    inner = inner_producer(producer)
    send_batch = inner.send_batch

    async def failing(builder: Any, topic: str, *, partition: int) -> Any:
        del inner.send_batch
        await (await send_batch(builder, topic, partition=partition))
        raise error

    inner.send_batch = failing


async def test_offsets_are_told(producer: Producer) -> None:
    batches = [make_batch("plant", 1, [b"1", b"2"]), make_batch("plant", 1, [b"3"])]
    assert [await send(producer, batch) for batch in batches] == [None, None]
    assert [batch.base_offset for batch in batches] == [0, 2]
    assert producer.partitions("plant") == 4


async def test_partitions_are_written_at_the_same_time(producer: Producer) -> None:
    sent = [Sent(producer, make_batch("plant", partition, [b"1"])) for partition in range(4)]
    assert [await each.answer() for each in sent] == [None] * 4


async def test_a_second_batch_of_a_partition_is_a_fault_of_the_caller(producer: Producer) -> None:
    sent = Sent(producer, make_batch("plant", 0, [b"1"]))
    with pytest.raises(AssertionError, match="one batch a partition"):
        Sent(producer, make_batch("plant", 0, [b"2"]))
    assert await sent.answer() is None


@pytest.mark.parametrize(
    ("topic", "partition", "kind", "why"),
    [("missing", 0, TransientKafkaError, "is not known"), ("plant", 4, PartitionGoneError, "does not exist")],
)
async def test_a_partition_that_kafka_does_not_have_may_come(
    producer: Producer, topic: str, partition: int, kind: type[TransientKafkaError], why: str
) -> None:
    error = await send(producer, make_batch(topic, partition, [b"1"]))
    assert type(error) is kind
    assert str(error) == f"partition {partition} of {topic} {why}"
    assert producer.ready
    assert producer.replacements == 0


async def test_a_dead_sender_costs_no_batch(producer: Producer) -> None:
    hold(producer, 1)
    waiting = Sent(producer, make_batch("plant", 1, [b"1"]))
    await asyncio.sleep(0)
    kill_sender(producer)
    assert isinstance(await send(producer, make_batch("plant", 0, [b"1"])), ProducerLostError)
    assert isinstance(await waiting.answer(), ProducerLostError)
    again = [Sent(producer, make_batch("plant", 0, [b"1"])), Sent(producer, waiting.batch)]
    assert [await sent.answer() for sent in again] == [None, None]
    assert producer.replacements == 1


async def test_a_partition_that_is_parked_goes_on_and_others_have_not_waited(producer: Producer) -> None:
    assert producer._current is not None
    producer._current._spent.add(("plant", 0))
    parked = Sent(producer, make_batch("plant", 0, [b"1"]))
    other = Sent(producer, make_batch("plant", 1, [b"1"]))
    assert list(producer._parked) == [("plant", 0)]
    assert [await parked.answer(), await other.answer()] == [None, None]
    assert producer.replacements == 1


async def test_a_partition_that_is_spent_costs_a_replacement_when_something_comes_for_it(producer: Producer) -> None:
    fail(producer, errors.PolicyViolationError())
    assert isinstance(await send(producer, make_batch("plant", 0, [b"1"])), RejectedError)
    await asyncio.sleep(0.1)
    assert producer.replacements == 0
    assert await send(producer, make_batch("plant", 1, [b"1"])) is None
    assert await send(producer, make_batch("plant", 0, [b"2"])) is None
    assert producer.replacements == 1


@pytest.mark.parametrize("error", [errors.LeaderNotAvailableError, errors.NotLeaderForPartitionError])
async def test_of_a_batch_that_is_given_up_without_a_leader_kafka_may_have_the_records(
    producer: Producer, error: type[Exception]
) -> None:
    """So they count as resubmitted when they are sent again. The second: the topic is not in the metadata any more."""
    fail(producer, error())
    assert isinstance(await send(producer, make_batch("plant", 0, [b"1"])), UnknownOutcomeError)
    assert await send(producer, make_batch("plant", 0, [b"1"])) is None
    assert producer.replacements == 1


TRANSIENT = [errors.RequestTimedOutError, errors.KafkaConnectionError, errors.NotEnoughReplicasAfterAppendError]


@pytest.mark.parametrize("error", TRANSIENT)
async def test_without_idempotence_kafka_may_have_what_failed_and_no_producer_is_replaced(
    kafka: KafkaOptions, error: type[Exception]
) -> None:
    producer = Producer(replace(kafka, enable_idempotence=False))
    await producer.start()
    fail(producer, error())
    assert type(await send(producer, make_batch("plant", 0, [b"1"]))) is UnknownOutcomeError
    fail(producer, errors.TopicAuthorizationFailedError("plant"))
    assert type(await send(producer, make_batch("plant", 0, [b"1"]))) is BlockedError
    fail(producer, errors.PolicyViolationError())
    assert type(await send(producer, make_batch("plant", 0, [b"1"]))) is RejectedError
    assert type(await send(producer, make_batch("missing", 0, [b"1"]))) is TransientKafkaError, "it was not sent"
    assert await send(producer, make_batch("plant", 0, [b"1"])) is None
    assert producer.replacements == 0
    await producer.stop(1.0)


@pytest.mark.parametrize("error", TRANSIENT)
async def test_with_idempotence_a_transient_failure_leaves_nothing_open(
    producer: Producer, error: type[Exception]
) -> None:
    fail(producer, error())
    assert type(await send(producer, make_batch("plant", 0, [b"1"]))) is TransientKafkaError


async def test_a_replaced_producer_is_kept_no_longer_than_its_batches(kafka: KafkaOptions) -> None:
    producer = Producer(kafka)
    await producer.start()
    replaced = weakref.ref(inner_producer(producer))
    hold(producer, 1)
    waiting = Sent(producer, make_batch("plant", 1, [b"1"]))
    await asyncio.sleep(0)
    producer._replace("the test wants it")
    await until(lambda: producer.replacements)
    release(replaced())
    assert await waiting.answer() is None
    await until(lambda: not producer._closings)
    gc.collect()
    assert replaced() is None
    await producer.stop(1.0)


async def test_what_is_too_large_costs_one_replacement(producer: Producer) -> None:
    fail(producer, errors.MessageSizeTooLargeError())
    assert isinstance(await send(producer, make_batch("plant", 0, [b"1" * 1000])), TooLargeError)
    for size in (1000, 1200):
        assert isinstance(await send(producer, make_batch("plant", 0, [b"1" * size])), TooLargeError)
    assert producer.replacements == 0
    assert await send(producer, make_batch("plant", 0, [b"1" * 900])) is None
    assert producer.replacements == 1


async def test_the_size_that_counts_is_the_compressed_one(kafka: KafkaOptions) -> None:
    producer = Producer(replace(kafka, compression_type="gzip"))
    await producer.start()
    producer._sizes.told({"plant"}, {"plant": 500})
    assert isinstance(await send(producer, make_batch("plant", 0, [os.urandom(600)])), TooLargeError)
    assert await send(producer, make_batch("plant", 0, [b"1" * 600])) is None
    assert producer.replacements == 0
    await producer.stop(1.0)


async def test_a_clock_that_is_wrong_refuses_no_message(producer: Producer) -> None:
    batch = make_batch("plant", 0, [b"1"])
    batch.runs[0].arrived = asyncio.get_running_loop().time()
    fail(producer, errors.InvalidTimestampError())
    assert isinstance(await send(producer, batch), BlockedError)
    assert await send(producer, batch) is None
    fail(producer, errors.InvalidTimestampError())
    batch.runs[0].arrived -= 60
    assert isinstance(await send(producer, batch), TimestampError)


async def test_one_partition_without_an_answer_does_not_end_readiness_while_others_are_written_to(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapter.kafka.health.SILENT_SECONDS", 0.2)
    hold(producer, 1)
    Sent(producer, make_batch("plant", 1, [b"1"]))
    for _ in range(10):
        await asyncio.sleep(0.05)
        assert await send(producer, make_batch("plant", 0, [b"1"])) is None
        assert producer.ready
    await asyncio.sleep(0.3)
    assert "a batch has had no answer" in str(producer.problem)


async def test_while_no_producer_can_be_made_what_is_parked_shows_and_so_does_the_reason(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> str:
        raise TransientKafkaError("nobody is there")

    monkeypatch.setattr(producer._connecting, "_find_server", nobody)
    assert producer._current is not None
    producer._current._spent.add(("plant", 0))
    Sent(producer, make_batch("plant", 0, [b"1"]))
    assert producer._oldest() is not None
    await until(lambda: not producer.ready)
    await producer.refresh_metadata()
    assert producer.problem == "nobody is there"


async def test_what_waits_for_its_turn_at_a_broker_is_not_without_an_answer(producer: Producer) -> None:
    assert producer._current is not None
    in_flight = producer._current._in_flight
    in_flight._most = 1
    leader = producer._current._leader("plant", 0)
    await in_flight.enter(leader, 100, ("plant", 1))
    waiting = Sent(producer, make_batch("plant", 0, [b"1"]))
    await asyncio.sleep(0)
    assert producer._oldest() is None
    in_flight.leave(leader, 100)
    assert await waiting.answer() is None


async def test_what_a_replaced_producer_does_not_answer_in_time_is_lost_and_not_sent_any_more(
    producer: Producer,
) -> None:
    hold(producer, 1)
    old = inner_producer(producer)
    waiting = Sent(producer, make_batch("plant", 1, [b"1"]))
    await asyncio.sleep(0)
    producer._replace("the test wants it")
    assert isinstance(await waiting.answer(5.0), ProducerLostError)
    old._sender._muted_partitions.clear()
    batch = make_batch("plant", 1, [b"2"])
    assert await send(producer, batch) is None
    assert batch.base_offset == 0, "the lost batch was written by the halted producer"


async def test_what_a_replaced_producer_still_answers_is_not_lost(producer: Producer) -> None:
    hold(producer, 1)
    old = inner_producer(producer)
    waiting = Sent(producer, make_batch("plant", 1, [b"1"]))
    await asyncio.sleep(0)
    producer._grace = 30.0
    producer._replace("the test wants it")
    await until(lambda: producer.replacements)
    old._sender._muted_partitions.clear()
    assert await send(producer, make_batch("plant", 0, [b"1"])) is None
    old._message_accumulator.waiter().set_result(None)  # wakes the old sender
    assert await waiting.answer() is None
    assert waiting.batch.base_offset == 0


async def test_a_batch_in_line_goes_first_when_its_partition_runs_out_of_sequence_numbers(kafka: KafkaOptions) -> None:
    producer = Producer(kafka, max_records=4)
    await producer.start()
    batches = [make_batch("plant", 0, [b"1", b"2", b"3"]) for _ in range(3)]
    assert [await send(producer, batch) for batch in batches] == [None] * 3
    assert [batch.base_offset for batch in batches] == [0, 3, 6]
    assert producer.replacements == 2
    await producer.stop(1.0)


async def test_every_batch_is_answered_once_when_the_producer_stops(producer: Producer) -> None:
    for partition in (0, 1):
        hold(producer, partition)
    assert producer._current is not None
    producer._current._spent.add(("plant", 2))
    sent = [Sent(producer, make_batch("plant", partition, [b"1"])) for partition in range(4)]
    producer._connecting._made.extend([time.monotonic()] * 10)
    await producer.stop(0.1)
    answers = [await each.answer() for each in sent]
    assert [type(answer) for answer in answers] == [ProducerLostError] * 2 + [type(answers[2]), type(None)]
    assert answers[2] is None or isinstance(answers[2], ProducerLostError)
    assert isinstance(await send(producer, make_batch("plant", 0, [b"1"])), ProducerLostError)
    assert producer.problem == "stopped"
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_stopping_twice_or_before_the_start_does_no_harm(kafka: KafkaOptions) -> None:
    producer = Producer(kafka)
    await producer.stop(1.0)
    await producer.stop(1.0)


async def test_replacements_that_follow_each_other_closely_are_slowed_down(producer: Producer) -> None:
    """Each costs the brokers a producer identifier for a day; but a search must not outlast the delivery timeout."""
    began = time.monotonic()
    for _ in range(11):
        assert producer._current is not None
        producer._current._spent.add(("plant", 0))
        assert await send(producer, make_batch("plant", 0, [b"1"])) is None
    assert producer.replacements == 11
    assert time.monotonic() - began > producer._request_timeout * 0.1


async def test_kafka_that_is_away_is_said_and_start_can_be_called_again() -> None:
    producer = Producer(KafkaOptions("127.0.0.1:1"))
    for _ in range(2):
        with pytest.raises(TransientKafkaError, match=r"127\.0\.0\.1:1"):
            await producer.start()
    assert not producer.ready
    assert "127.0.0.1:1" in str(producer.problem)
    with pytest.raises(TransientKafkaError):
        await producer.refresh_metadata()
    await producer.stop(1.0)


async def test_a_certificate_that_cannot_be_used_ends_the_start() -> None:
    producer = Producer(KafkaOptions("127.0.0.1:1", security_protocol="SSL", ssl_cafile="/nowhere/ca.pem"))
    with pytest.raises(ConfigurationError):
        await producer.start()


async def test_a_fault_of_the_caller_is_logged_and_ends_nothing(producer: Producer) -> None:
    def fails(*_: object) -> None:
        raise ValueError("a fault")

    with capture_logs() as lines:
        producer.send(make_batch("plant", 0, [b"1"]), fails)
        await until(lambda: lines)
    assert [line["event"] for line in lines] == ["a task of the producer failed"]
    assert await send(producer, make_batch("plant", 0, [b"2"])) is None


async def test_giving_up_leaves_no_complaint_of_asyncio_behind(kafka: KafkaOptions) -> None:
    producer = Producer(kafka)
    await producer.start()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
    hold(producer, 0)
    sent = Sent(producer, make_batch("plant", 0, [b"1"]))
    await asyncio.sleep(0)
    await producer.stop(0.05)
    assert isinstance(await sent.answer(), ProducerLostError)
    del producer, sent
    gc.collect()
    assert complaints == []


async def test_a_fault_of_ours_while_writing_is_an_answer_like_any_other(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(*_: object) -> int:
        raise ValueError("a fault of ours")

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(producer._current, "write", write)
        error = await send(producer, make_batch("plant", 0, [b"1"]))
    assert isinstance(error, ProducerLostError)
    assert ("error", "a batch could not be written") in [(line["log_level"], line["event"]) for line in lines]
    assert await send(producer, make_batch("plant", 0, [b"1"])) is None
