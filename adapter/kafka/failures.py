"""What each of aiokafka's errors means to us: try again, refuse, or get a new producer."""

from __future__ import annotations

import asyncio

from aiokafka import errors

from adapter.errors import KafkaError, ProducerLostError, RejectedError, TransientKafkaError

# The producer itself cannot go on; what became of the batch is not known.
_LOST = (
    errors.OutOfOrderSequenceNumber,
    errors.UnknownProducerId,
    errors.ProducerFenced,
    errors.InvalidProducerEpoch,
    errors.InvalidProducerIdMapping,
    errors.ProducerClosed,
)
# Not marked retriable by aiokafka, but true of the moment only.
_PASSING = (
    errors.KafkaTimeoutError,
    errors.KafkaConnectionError,
    errors.NodeNotReadyError,
    errors.UnknownTopicOrPartitionError,
    OSError,
    asyncio.TimeoutError,
)


def translate(error: BaseException) -> KafkaError:
    """The same failure in our words. An error that is not Kafka's (the sender task died) costs the producer."""
    text = _text(error)
    if isinstance(error, _LOST) or not isinstance(error, (errors.KafkaError, OSError, asyncio.TimeoutError)):
        return ProducerLostError(text)
    if isinstance(error, _PASSING) or getattr(error, "retriable", False):
        return TransientKafkaError(text)
    if isinstance(error, errors.BrokerResponseError):
        return RejectedError(text)
    return ProducerLostError(text)  # aiokafka's plain KafkaError: "unexpected error during batch delivery"


def _text(error: BaseException) -> str:
    """Kafka's name of the error and what it means; no message content is in either."""
    name = getattr(error, "message", None) or type(error).__name__
    description = getattr(error, "description", None) or str(error)
    return f"{name}: {description}" if description and description != name else str(name)
