"""What each of aiokafka's errors means to us: try again, refuse, or get a new producer.

What aiokafka does not know by number (INVALID_RECORD is 87) reaches us as `UnknownError`, and is a rejection like every
answer of a broker that is not listed here.
"""

from __future__ import annotations

from aiokafka import errors

from adapter.errors import KafkaError, ProducerLostError, RejectedError, TransientKafkaError

# No partition can be written to any more by this producer.
_ENDS_PRODUCER = (
    errors.ProducerFenced,
    errors.InvalidProducerEpoch,
    errors.ProducerClosed,
    errors.ClusterAuthorizationFailedError,  # idempotent writing is no longer allowed; says nothing about the record
)
# One partition cannot, and what became of the batch is not known.
_LOSES_PARTITION = (
    errors.OutOfOrderSequenceNumber,
    errors.UnknownProducerId,
    errors.InvalidProducerIdMapping,
)
# Not marked retriable by aiokafka, but true of the moment only. TimeoutError is an OSError. A right that the adapter
# lacks is an operator's mistake and says nothing about the record: devices must not lose messages over it.
_PASSING = (
    errors.TopicAuthorizationFailedError,
    errors.KafkaTimeoutError,
    errors.BrokerNotAvailableError,
    errors.ReplicaNotAvailableError,
    OSError,
)


def translate(error: Exception) -> KafkaError:
    """The same failure in our words."""
    text = _text(error)
    if ends_producer(error) or isinstance(error, _LOSES_PARTITION):
        return ProducerLostError(text)
    if isinstance(error, _PASSING) or getattr(error, "retriable", False):
        return TransientKafkaError(text)
    return RejectedError(text)


def ends_producer(error: Exception) -> bool:
    """Whether the producer that raised it can write nothing more.

    aiokafka's own class stands for "Unexpected error during batch delivery": its sender task has died. So it
    has, or soon will, after an error that is neither Kafka's nor the network's.
    """
    return (
        isinstance(error, _ENDS_PRODUCER)
        or type(error) is errors.KafkaError
        or not isinstance(error, (errors.KafkaError, OSError))
    )


def _text(error: Exception) -> str:
    """Kafka's name of the error and what it means; no content of a message is in either."""
    name = getattr(error, "message", None) or type(error).__name__
    # The text of aiokafka's errors begins with their name once more.
    said = " ".join(map(str, error.args)) if isinstance(error, errors.KafkaError) else str(error)
    description = getattr(error, "description", None) or said
    return f"{name}: {description}" if description and description != name else str(name)
