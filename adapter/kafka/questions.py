"""Two questions to brokers that aiokafka cannot put: what may be done with topics, and what time it is there.

Both only read. The schemas are those of Kafka's protocol guide.
"""

from __future__ import annotations

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

NOT_SAID = -(2**31)  # authorised operations that a broker does not tell

# What `AclOperation` numbers, as far as it matters to a producer: the bits of authorised operations.
OPERATIONS = {4: "Write", 8: "Describe", 10: "DescribeConfigs", 12: "IdempotentWrite"}

QUORUM_TOPIC = "__cluster_metadata"

_TEXT = String("utf-8")
_NUMBERS = Array(Int32)

# aiokafka ships no type information, so to mypy each of its classes is Any: hence the `type: ignore` at each class.


class _TopicsAnswer(Response):  # type: ignore[misc] # see above
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


class _TopicsQuestion(RequestStruct):  # type: ignore[misc] # see above
    API_KEY = 3
    API_VERSION = 8  # since Kafka 2.3
    RESPONSE_TYPE = _TopicsAnswer
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class AskTopics(Request[_TopicsQuestion]):  # type: ignore[misc] # see above
    """Brokers, and the named topics with what we may do; a missing topic is an error in the answer and stays missing.

    Topics are named, because a topic that may not be described is left out when all are asked for. That is
    why automatic creation is forbidden in the question itself.
    """

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, form: type[_TopicsQuestion]) -> _TopicsQuestion:
        """For aiokafka's connection."""
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


class _QuorumAnswer(Response):  # type: ignore[misc] # see above
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


class _QuorumQuestion(RequestStruct):  # type: ignore[misc] # see above
    FLEXIBLE_VERSION = True
    API_KEY = 55
    API_VERSION = 1  # since Kafka 3.3; the one before has no times
    RESPONSE_TYPE = _QuorumAnswer
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


class AskQuorum(Request[_QuorumQuestion]):  # type: ignore[misc] # see above
    """Who leads the metadata log. The leader says of itself that it is caught up now: its clock, in ms."""

    API_KEY = 55

    def build(self, form: type[_QuorumQuestion]) -> _QuorumQuestion:
        """For aiokafka's connection."""
        return form(topics=[(QUORUM_TOPIC, [(0, {})], {})], tags={})


def operations(bits: int) -> frozenset[str] | None:
    """Read the authorised operations that a producer needs; None when the broker does not tell."""
    if bits == NOT_SAID:
        return None
    return frozenset(name for bit, name in OPERATIONS.items() if bits >> bit & 1)
