"""The vocabularies of refusal: MQTT's reason codes on the wire, and our own words in metrics and logs.

Imports only the standard library. `Reason`, `CloseCause` and `Limit` are metric labels, so their members are few and
fixed.
"""

from enum import IntEnum, StrEnum


class ReasonCode(IntEnum):
    """The MQTT 5.0 reason codes (section 2.4) that a server without subscriptions can send or receive."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


class Reason(StrEnum):
    """Why a message did not reach Kafka: the `reason` label of the refusal and drop metrics."""

    # Refused: sending the message again would not help.
    BAD_TOPIC = "bad_topic"
    NOT_AUTHORIZED = "not_authorized"
    NOT_CHECKED = "not_checked"  # the plugin that authorises the message has failed
    EVENT_QOS_0 = "event_qos_0"
    EMPTY_PAYLOAD = "empty_payload"
    KAFKA_TOPIC_MISSING = "kafka_topic_missing"
    TOO_LARGE = "too_large"
    REJECTED_BY_KAFKA = "rejected_by_kafka"
    PAYLOAD_FORMAT = "payload_format"  # the payload is not UTF-8, although the Payload Format Indicator says so
    LIMIT = "limit"  # the message exceeds a limit, such as that of user properties
    UNRELEASED = "unreleased"  # too many QoS 2 messages wait for their PUBREL
    # Dropped: the message was valid, but could not be kept.
    BUDGET = "budget"
    TIMEOUT = "timeout"
    PARTITION_GONE = "partition_gone"  # its topic was made again with fewer partitions
    CONNECTION_FAILED = "connection_failed"
    EXPIRED = "expired"  # by its own Message Expiry Interval, so the device is told success
    SHUTDOWN = "shutdown"


class CloseCause(StrEnum):
    """Why a connection ended: the `cause` label of adapter_connections_closed_total, and the header of its Will."""

    CLIENT_DISCONNECT = "client_disconnect"
    CONNECTION_LOST = "connection_lost"
    CONNECT_TIMEOUT = "connect_timeout"
    DELIVERY_TIMEOUT = "delivery_timeout"
    HANDSHAKE_TIMEOUT = "handshake_timeout"
    INTERNAL_ERROR = "internal_error"
    KEEP_ALIVE = "keep_alive"
    MESSAGE_REFUSED = "message_refused"  # a 3.1.1 device cannot be told otherwise
    PROTOCOL_ERROR = "protocol_error"
    REFUSED = "refused"  # its CONNECT, with a CONNACK
    SHUTDOWN = "shutdown"
    SLOW_READER = "slow_reader"
    SLOW_SENDER = "slow_sender"  # of a packet that it has begun
    TAKEN_OVER = "taken_over"
    TURNED_AWAY = "turned_away"  # by a limit, before its CONNECT was answered


# A connection that ends for one of these was never accepted, so it leaves no Will.
NEVER_ACCEPTED = frozenset(
    {CloseCause.CONNECT_TIMEOUT, CloseCause.HANDSHAKE_TIMEOUT, CloseCause.REFUSED, CloseCause.TURNED_AWAY}
)


class Limit(StrEnum):
    """What one peer may take, see `mqtt/limits.py`: the `limit` label of adapter_limited_total."""

    CONNECTIONS = "connections"
    UNAUTHENTICATED = "unauthenticated"
    PER_ADDRESS = "connections_per_address"
    CONNECT_RATE = "connect_rate"
    CONNECT_RATE_PER_ADDRESS = "connect_rate_per_address"
    REFUSAL_DELAYED = "refusal_delayed"
    CONNECT_SIZE = "connect_size"
    CLIENT_ID_LENGTH = "client_id_length"
    USER_NAME_LENGTH = "user_name_length"
    PACKET_SIZE = "packet_size"
    PACKET_SECONDS = "packet_seconds"
    UNFINISHED_BYTES = "unfinished_bytes"
    SLOW_READER = "slow_reader"
    BYTES_PER_SECOND = "bytes_per_second"
    TOPIC_LENGTH = "topic_length"
    TOPIC_LEVELS = "topic_levels"
    USER_PROPERTIES = "user_properties"
    FILTERS = "filters"


# The reason code in the 5.0 PUBACK of a refused message (section 3.4.2.1 lists the codes allowed there).
PUBACK_CODE = {
    Reason.BAD_TOPIC: ReasonCode.TOPIC_NAME_INVALID,
    Reason.NOT_AUTHORIZED: ReasonCode.NOT_AUTHORIZED,
    Reason.NOT_CHECKED: ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
    Reason.EVENT_QOS_0: ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
    Reason.EMPTY_PAYLOAD: ReasonCode.PAYLOAD_FORMAT_INVALID,
    Reason.KAFKA_TOPIC_MISSING: ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
    Reason.TOO_LARGE: ReasonCode.QUOTA_EXCEEDED,
    Reason.REJECTED_BY_KAFKA: ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR,
    Reason.PAYLOAD_FORMAT: ReasonCode.PAYLOAD_FORMAT_INVALID,
    Reason.LIMIT: ReasonCode.QUOTA_EXCEEDED,
    Reason.UNRELEASED: ReasonCode.QUOTA_EXCEEDED,
}

# The reason code in the CONNACK when the Will is refused (section 3.2.2.2 lists the codes allowed there).
WILL_CODE = PUBACK_CODE | {
    Reason.NOT_CHECKED: ReasonCode.SERVER_UNAVAILABLE,
    Reason.TOO_LARGE: ReasonCode.PACKET_TOO_LARGE,
}

# The device is not known to be allowed to publish the message, so it must not fill the dead-letter topic with it.
UNAUTHORIZED = frozenset({Reason.NOT_AUTHORIZED, Reason.NOT_CHECKED})
