"""Every error of aiokafka has exactly one meaning."""

from __future__ import annotations

import pytest
from aiokafka import errors

from adapter.errors import (
    BlockedError,
    KafkaError,
    ProducerLostError,
    RejectedError,
    TimestampError,
    TransientKafkaError,
)
from adapter.kafka.failures import ends_producer, translate, translated

TRANSIENT = [
    errors.NoBrokersAvailable,
    errors.NodeNotReadyError,
    errors.KafkaConnectionError,
    errors.KafkaTimeoutError,
    errors.StaleMetadata,
    errors.CorrelationIdError,
    errors.UnknownTopicOrPartitionError,
    errors.LeaderNotAvailableError,
    errors.NotLeaderForPartitionError,
    errors.RequestTimedOutError,
    errors.BrokerNotAvailableError,
    errors.ReplicaNotAvailableError,
    errors.NotEnoughReplicasError,
    errors.NotEnoughReplicasAfterAppendError,
    errors.KafkaStorageError,
    errors.CorruptRecordException,
    ConnectionResetError,
    TimeoutError,
]
REJECTED = [
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTopicError,
    errors.PolicyViolationError,
    errors.UnsupportedForMessageFormatError,
    errors.InvalidRequiredAcksError,
    errors.UnknownError,  # what aiokafka does not know, as INVALID_RECORD (87)
]
PARTITION_LOST = [errors.OutOfOrderSequenceNumber, errors.UnknownProducerId, errors.InvalidProducerIdMapping]
PRODUCER_LOST = [
    errors.ProducerFenced,
    errors.InvalidProducerEpoch,
    errors.ProducerClosed,
    errors.ClusterAuthorizationFailedError,
    errors.KafkaError,  # "Unexpected error during batch delivery": the sender has died
    KeyError,
]


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        *((error, TransientKafkaError) for error in TRANSIENT),
        *((error, RejectedError) for error in REJECTED),
        (errors.TopicAuthorizationFailedError, BlockedError),
        (errors.InvalidTimestampError, TimestampError),
        *((error, ProducerLostError) for error in PARTITION_LOST + PRODUCER_LOST),
    ],
)
def test_an_error_is_transient_or_a_rejection_or_costs_the_producer(
    error: type[Exception], meaning: type[KafkaError]
) -> None:
    assert type(translate(error())) is meaning


@pytest.mark.parametrize("error", TRANSIENT + REJECTED + PARTITION_LOST)
def test_most_errors_leave_the_other_partitions_alone(error: type[Exception]) -> None:
    assert not ends_producer(error())


@pytest.mark.parametrize("error", PRODUCER_LOST)
def test_some_errors_are_the_end_of_the_producer(error: type[Exception]) -> None:
    assert ends_producer(error())


def test_whatever_a_client_marks_as_retriable_is_transient() -> None:
    for error in errors.kafka_errors.values():
        if error.retriable:
            assert isinstance(translate(error()), TransientKafkaError), error


def test_a_code_that_aiokafka_does_not_know_is_a_rejection() -> None:
    assert isinstance(translate(errors.for_code(87)()), RejectedError)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [(errors.NotLeaderForPartitionError, TransientKafkaError), (ConnectionResetError, TransientKafkaError)],
)
async def test_a_consumers_errors_are_translated(error: type[Exception], meaning: type[KafkaError]) -> None:
    with pytest.raises(meaning):
        async with translated():
            raise error


async def test_a_bug_in_reading_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with translated():
            raise ZeroDivisionError


def test_the_text_names_the_error_as_kafka_does() -> None:
    assert str(translate(errors.TopicAuthorizationFailedError("t"))).startswith("TOPIC_AUTHORIZATION_FAILED")
    assert str(translate(errors.KafkaError("Unexpected error during batch delivery"))) == (
        "KafkaError: Unexpected error during batch delivery"
    )
