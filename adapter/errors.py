"""The error tree. Errors are translated into it where they cross a boundary; nothing else leaves a package.

AdapterError
├── ConfigurationError       what an operator set cannot be run; names the variable and the fix
├── ProtocolError            a peer broke MQTT; carries the reason code that ends its connection
│   ├── MalformedPacketError     the bytes cannot be parsed (0x81)
│   └── LimitError               MQTT allows it, we do not
├── ConnectRefusedError      a CONNECT is answered with a CONNACK that refuses
└── KafkaError               Kafka did not take a batch, or cannot be asked
├── TransientKafkaError      may work later: the same batch is sent again, before anything behind it
├── RejectedError            will never work: the batch (one of its records) is refused for good
└── ProducerLostError        the producer is unusable; what became of the batch is unknown
"""

from adapter.reasons import Limit, ReasonCode


class AdapterError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigurationError(AdapterError):
    """The service must not start: `problems` has one line for each thing to mend, each naming its variable."""

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
    """Kafka did not acknowledge."""


class TransientKafkaError(KafkaError):
    """Kafka could not take it now; trying again is right."""


class RejectedError(KafkaError):
    """Kafka refused the batch for good: too large, not authorised, invalid record."""


class ProducerLostError(KafkaError):
    """The producer cannot go on (fenced, out of sequence, sender dead): the outcome of its batches is unknown."""
