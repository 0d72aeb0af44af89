"""Translates aiokafka's errors into ours: retry, refuse, or replace the producer.

aiokafka raises `UnknownError` for error codes it does not know (INVALID_RECORD is 87), as for UNKNOWN_SERVER_ERROR,
which Kafka's Java client does not retry either. It is a rejection, like every broker error that is not listed here.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import errors

from adapter.errors import (
    BlockedError,
    KafkaError,
    ProducerLostError,
    RejectedError,
    TimestampError,
    TransientKafkaError,
)
from adapter.kafka.diagnosis import why_unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiokafka.client import AIOKafkaClient

# The producer can write to no partition any more.
_ENDS_PRODUCER = (
    errors.ProducerFenced,
    errors.InvalidProducerEpoch,
    errors.ProducerClosed,
    errors.ClusterAuthorizationFailedError,  # idempotent writing is no longer allowed; says nothing about the record
)
# The producer cannot write to one partition any more, and the outcome of the batch is unknown.
_LOSES_PARTITION = (
    errors.OutOfOrderSequenceNumber,
    errors.UnknownProducerId,
    errors.InvalidProducerIdMapping,
)
# Temporary, although aiokafka does not mark them retriable. TimeoutError is an OSError. A batch that arrives
# corrupt was damaged on its way; Kafka's Java client retries it too.
_PASSING = (
    errors.CorruptRecordException,
    errors.KafkaTimeoutError,
    errors.BrokerNotAvailableError,
    errors.ReplicaNotAvailableError,
    OSError,
)


def translate(error: Exception) -> KafkaError:
    """Return the error of ours that stands for this failure of a producer."""
    text = _text(error)
    if ends_producer(error) or isinstance(error, _LOSES_PARTITION):
        return ProducerLostError(text)
    if isinstance(error, errors.TopicAuthorizationFailedError):
        return BlockedError(text)
    if isinstance(error, errors.InvalidTimestampError):
        return TimestampError(text)
    if isinstance(error, _PASSING) or getattr(error, "retriable", False):
        return TransientKafkaError(text)
    return RejectedError(text)


@asynccontextmanager
async def translated(
    client: AIOKafkaClient | None = None, connection: Mapping[str, Any] | None = None
) -> AsyncIterator[None]:
    """Translate the errors of a consumer, which are Kafka's or the network's; bugs of ours pass through.

    With `client` and its `connection` options, an unreachable Kafka is diagnosed. Raises KafkaError.
    """
    try:
        yield
    except (errors.KafkaError, OSError) as error:
        if isinstance(error, errors.KafkaConnectionError) and client is not None and connection is not None:
            reason = await why_unreachable(client, connection)
            raise TransientKafkaError(reason or _text(error)) from error
        raise translate(error) from error


def ends_producer(error: Exception) -> bool:
    """Whether the producer that raised the error is unusable.

    aiokafka raises a plain KafkaError for "Unexpected error during batch delivery": its sender task has died. It has
    died, or soon will, after any error that is neither Kafka's nor the network's, too.
    """
    return (
        isinstance(error, _ENDS_PRODUCER)
        or type(error) is errors.KafkaError
        or not isinstance(error, (errors.KafkaError, OSError))
    )


def _text(error: Exception) -> str:
    """Return Kafka's name and description of the error; neither contains any message content."""
    name = getattr(error, "message", None) or type(error).__name__
    # `str` of aiokafka's errors would repeat the name.
    said = " ".join(map(str, error.args)) if isinstance(error, errors.KafkaError) else str(error)
    description = getattr(error, "description", None) or said
    return f"{name}: {description}" if description and description != name else str(name)
