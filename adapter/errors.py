"""The error tree. Errors are translated into it at package boundaries; no other error leaves a package.

AdapterError
├── ConfigurationError           invalid settings; names the variable and the fix
├── ProtocolError                a peer violated MQTT; has the reason code that ends its connection
│   ├── MalformedPacketError     the packet cannot be parsed (0x81)
│   └── LimitError               MQTT allows it, the adapter's limits do not
├── ConnectRefusedError          the CONNACK refuses the CONNECT
└── KafkaError                   Kafka did not acknowledge a batch, or cannot be queried
    ├── TransientKafkaError      may work later: the same batch is sent again, before anything behind it
    │   ├── PartitionGoneError   the topic has no such partition, as far as is known
    │   ├── BlockedError         an operator must fix something first
    │   └── UnknownOutcomeError  Kafka may have the batch all the same
    ├── RejectedError            will never work: a record of the batch is refused for good
    │   ├── TooLargeError        the batch is larger than the topic accepts
    │   └── TimestampError       its timestamps are too far from the broker's time
    └── ProducerLostError        the producer is unusable; the outcome of the batch is unknown
"""

from adapter.reasons import Limit, ReasonCode


class AdapterError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigurationError(AdapterError):
    """The service must not start: `problems` has one line for each thing to fix, each naming its variable."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ProtocolError(AdapterError):
    """A peer violated MQTT. `code` is the reason code of the DISCONNECT that MQTT 5.0 sends before closing."""

    def __init__(self, code: ReasonCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class MalformedPacketError(ProtocolError):
    """A packet that cannot be parsed according to the specification (MQTT 5.0 section 4.13.1)."""

    def __init__(self, text: str) -> None:
        super().__init__(ReasonCode.MALFORMED_PACKET, text)


class LimitError(ProtocolError):
    """A limit of ours that ends the connection."""

    def __init__(self, code: ReasonCode, limit: Limit, text: str) -> None:
        super().__init__(code, text)
        self.limit = limit


class ConnectRefusedError(AdapterError):
    """A CONNECT is refused: `code` is the 5.0 reason code; the codec maps it to the 3.1.1 return code."""

    def __init__(self, code: ReasonCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class KafkaError(AdapterError):
    """Kafka did not acknowledge a batch, or cannot be queried."""


class TransientKafkaError(KafkaError):
    """Kafka could not do it now; a retry may succeed."""


class PartitionGoneError(TransientKafkaError):
    """Kafka has the topic, and no such partition in it, as far as the metadata tells, which may be old."""


class BlockedError(TransientKafkaError):
    """An operator must fix something first: a right, a clock. No message may be lost because of it."""


class UnknownOutcomeError(TransientKafkaError):
    """The batch may have landed before it failed: sent again, its records may be in Kafka twice."""


class RejectedError(KafkaError):
    """Kafka refused the batch for good: too large, invalid record."""


class TooLargeError(RejectedError):
    """The batch is larger than the topic accepts; `size` is in bytes as the broker counts them, compressed."""

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self.size = size


class TimestampError(RejectedError):
    """The batch's timestamps, which are ours, are too far from the broker's time, or for what the topic allows."""


class ProducerLostError(KafkaError):
    """The producer is unusable (fenced, out of sequence, sender dead); the outcome of its batches is unknown."""
