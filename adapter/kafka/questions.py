"""Two requests that aiokafka lacks: Metadata with authorised operations, and DescribeQuorum, which reveals the time.

Both only read. The schemas are those of Kafka's protocol guide. aiokafka decodes nested structures into plain tuples;
the named tuples here give their fields names.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, NamedTuple

from aiokafka import errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

NOT_SAID = -(2**31)  # the broker does not report authorised operations

# The numbers of `AclOperation` that matter to a producer: bits of the authorised operations.
OPERATIONS = {4: "Write", 8: "Describe", 10: "DescribeConfigs", 12: "IdempotentWrite"}

QUORUM_TOPIC = "__cluster_metadata"

_TEXT = String("utf-8")
_NUMBERS = Array(Int32)

# aiokafka ships no type information, so mypy takes its classes for Any: hence the `type: ignore` at each subclass.


class Standing(Enum):
    """What Kafka says of a topic that it was asked about by name."""

    THERE = auto()
    MISSING = auto()
    HIDDEN = auto()  # the adapter may not describe it, so it is not told whether there is such a topic


_STANDINGS = {
    errors.UnknownTopicOrPartitionError.errno: Standing.MISSING,
    errors.TopicAuthorizationFailedError.errno: Standing.HIDDEN,
}


class MetadataTopic(NamedTuple):
    """A topic in a MetadataResponse; `operations` are bits, see `operations`."""

    error_code: int
    name: str
    is_internal: bool
    partitions: list[Any]
    operations: int

    @property
    def standing(self) -> Standing:
        """What its error code says; a topic that is just being created is there."""
        return _STANDINGS.get(self.error_code, Standing.THERE)


class MetadataPartition(NamedTuple):
    """A partition of a `MetadataTopic`; `leader` is -1 if there is none."""

    error_code: int
    partition: int
    leader: int
    leader_epoch: int
    replicas: list[int]
    isr: list[int]
    offline_replicas: list[int]


class MetadataResponseV8(Response):  # type: ignore[misc] # see above
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("name", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", _NUMBERS),
                        ("isr", _NUMBERS),
                        ("offline_replicas", _NUMBERS),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("operations", Int32),
    )


class MetadataRequestV8(RequestStruct):  # type: ignore[misc] # see above
    API_KEY = 3
    API_VERSION = 8  # since Kafka 2.3
    RESPONSE_TYPE = MetadataResponseV8
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class DescribeTopicsRequest(Request[MetadataRequestV8]):  # type: ignore[misc] # see above
    """Metadata of the brokers and the named topics, with authorised operations. Creates no topic.

    It names the topics, because a broker omits topics we may not describe when asked for all. Naming a topic could
    create it, so the request forbids automatic creation; a missing topic is an error in the response.
    """

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, form: type[MetadataRequestV8]) -> MetadataRequestV8:
        return form(
            topics=self._topics,
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=True,
            include_topic_authorized_operations=True,
        )


_REPLICAS = CompactArray(
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch", Int64),
    ("last_caught_up", Int64),
    ("tags", TaggedFields),
)


class QuorumPartition(NamedTuple):
    """A partition in a DescribeQuorumResponse."""

    partition: int
    error_code: int
    leader: int
    leader_epoch: int
    high_watermark: int
    voters: list[Any]
    observers: list[Any]
    tags: dict[int, bytes]


class QuorumReplica(NamedTuple):
    """A voter or observer of a `QuorumPartition`; times in ms since the epoch."""

    replica_id: int
    log_end_offset: int
    last_fetch: int
    last_caught_up: int
    tags: dict[int, bytes]


class DescribeQuorumResponseV1(Response):  # type: ignore[misc] # see above
    API_KEY = 55
    API_VERSION = 1
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("voters", _REPLICAS),
                        ("observers", _REPLICAS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeQuorumRequestV1(RequestStruct):  # type: ignore[misc] # see above
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1  # since Kafka 3.3; version 0 has no times
    RESPONSE_TYPE = DescribeQuorumResponseV1
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("partitions", CompactArray(("partition", Int32), ("tags", TaggedFields))),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class DescribeQuorumRequest(Request[DescribeQuorumRequestV1]):  # type: ignore[misc] # see above
    """Describes the quorum of the metadata log. Its leader reports itself as caught up now, which reveals its clock."""

    API_KEY = 55

    def build(self, form: type[DescribeQuorumRequestV1]) -> DescribeQuorumRequestV1:
        return form(topics=[(QUORUM_TOPIC, [(0, {})], {})], tags={})


def operations(bits: int) -> frozenset[str] | None:
    """Return the authorised operations that matter to a producer; None if the broker does not report them."""
    if bits == NOT_SAID:
        return None
    return frozenset(name for bit, name in OPERATIONS.items() if bits >> bit & 1)
