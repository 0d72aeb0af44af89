"""What the parts of the adapter tell each other: frozen values. Imports only the standard library.

    Connect → Identity                                   who publishes
    PublishHeader + Identity → RecordTemplate | Refusal  what routing makes of a message
    Outcome                                              how it ended

`runs.py` has the messages themselves, on their way to Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from adapter.reasons import Reason

Header = tuple[str, bytes]


class Delivery(Enum):
    """What an operator asks of a message (the source document's AT LEAST ONCE and AT MOST ONCE)."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


@dataclass(frozen=True, slots=True)
class PublishProperties:
    """The PUBLISH properties of MQTT 5.0 that reach the record (section 3.3.2.3). Expiry in seconds."""

    payload_format: int | None = None
    message_expiry: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    topic_alias: int | None = None


NO_PROPERTIES = PublishProperties()


@dataclass(frozen=True, slots=True)
class Will:
    """The Will of a CONNECT: what is published when the device is lost, `delay` seconds after that."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    delay: int = 0
    properties: PublishProperties = NO_PROPERTIES


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT packet. `level` is 4 (MQTT 3.1.1) or 5; times are seconds; the properties have 5.0's defaults."""

    level: int
    client_id: str
    clean_start: bool
    keep_alive: int
    username: str | None = None
    password: bytes | None = field(default=None, repr=False)
    will: Will | None = None
    session_expiry: int = 0
    receive_maximum: int = 65_535
    maximum_packet_size: int | None = None
    topic_alias_maximum: int = 0
    request_response_information: bool = False
    request_problem_information: bool = True
    user_properties: tuple[tuple[str, str], ...] = ()
    authentication_method: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a connection is, once authenticated.

    `tenant` and `device_id` are None when the credentials name no device in Hono's convention `{auth-id}@{tenant}`
    (anonymous, or a plain user name): then only the topic can name them, and only where authentication is not required.
    """

    client_id: str
    username: str | None = None
    tenant: str | None = None
    device_id: str | None = None
    gateway: bool = False
    plugin_session: object = field(default=None, repr=False, compare=False)  # for `adapter.identity` alone


@dataclass(frozen=True, slots=True)
class PublishHeader:
    """What a PUBLISH says about its message, all but payload and packet identifier."""

    topic: str
    qos: int
    retain: bool = False
    properties: PublishProperties = NO_PROPERTIES


class EmptyPayload(Enum):
    """Whether the payload of a message may be empty, or must be, by what its topic and content type say."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message is refused for good; `text` is for people: the device's Reason String, the operator's log."""

    reason: Reason
    text: str


NO_CONTENT_TYPE = Refusal(Reason.EMPTY_PAYLOAD, "an empty payload needs a content type")
NOT_EMPTY = Refusal(Reason.PAYLOAD_FORMAT, "the content type says that the payload is empty, but it is not")
NOT_TEXT = Refusal(Reason.PAYLOAD_FORMAT, "the payload is not UTF-8, as its Payload Format Indicator says")
PAYLOAD_REFUSALS = (NO_CONTENT_TYPE, NOT_EMPTY, NOT_TEXT)


# Kafka's record format v2: length, attributes, timestamp delta, offset delta, key length, value length, header count
# are at most 5 + 1 + 5 + 5 + 5 + 5 + 5 bytes; `creation-time` takes 2 + 13 + 13; a header's two lengths at most 3 each.
RECORD_OVERHEAD = 31 + 28
HEADER_OVERHEAD = 6


@dataclass(frozen=True, slots=True)
class RecordTemplate:
    """The Kafka record that a PublishHeader leads to, all but partition, value, timestamp and `creation-time`.

    `headers` are in the order of the record contract, without `creation-time`, which every record has as its first.
    `route` names the rule that matched, for `explain`. `delivery` is None where the operator's setting applies.
    `expiry` are the seconds for which the message may wait for Kafka; None: for as long as the operator lets it.
    `refusal` is set in a dead letter: why the message is not in the topic that it was meant for.
    """

    topic: str
    key: bytes | None
    headers: tuple[Header, ...]
    route: str
    empty_payload: EmptyPayload = EmptyPayload.ALLOWED
    delivery: Delivery | None = None
    refusal: Refusal | None = None
    expiry: int | None = None

    def refuse_payload(self, size: int) -> Refusal | None:
        """Say why a payload of `size` bytes cannot be the value of this record; None if it can."""
        if size:
            return NOT_EMPTY if self.empty_payload is EmptyPayload.REQUIRED else None
        return NO_CONTENT_TYPE if self.empty_payload is EmptyPayload.REFUSED else None

    @property
    def overhead(self) -> int:
        """Bytes a record needs beyond its payload, never too few."""
        return (
            RECORD_OVERHEAD
            + len(self.key or b"")
            + sum(len(name.encode()) + len(value) + HEADER_OVERHEAD for name, value in self.headers)
        )


class DeliveryStatus(Enum):
    """How a message ended: the columns of the ledger."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: its fate, with the reason when Kafka does not have it."""

    status: DeliveryStatus
    reason: Reason | None = None
    text: str = ""


ACKNOWLEDGED = Outcome(DeliveryStatus.ACKNOWLEDGED)
