"""`adapter.kafka.questions`: what is asked, byte by byte, and what an answer's bits mean."""

from __future__ import annotations

import pytest
from aiokafka import errors

from adapter.kafka.questions import (
    DescribeQuorumRequest,
    DescribeQuorumResponseV1,
    DescribeTopicsRequest,
    MetadataPartition,
    MetadataResponseV8,
    MetadataTopic,
    QuorumPartition,
    QuorumReplica,
    Standing,
    operations,
)


def test_a_question_about_topics_forbids_to_create_them() -> None:
    question = DescribeTopicsRequest(["ab"]).prepare({3: (0, 13)})
    header = question.build_request_header(correlation_id=1, client_id="c").encode()
    assert header == b"\x00\x03\x00\x08\x00\x00\x00\x01\x00\x01c"
    creates, tells_cluster, tells_topics = b"\x00", b"\x01", b"\x01"
    assert question.encode() == b"\x00\x00\x00\x01\x00\x02ab" + creates + tells_cluster + tells_topics


def test_a_question_about_no_topic_is_not_one_about_all() -> None:
    none, all_ = b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"
    encoded = DescribeTopicsRequest([]).prepare({3: (0, 13)}).encode()
    assert encoded.startswith(none)
    assert not encoded.startswith(all_)


def test_a_broker_before_2_3_is_not_asked_what_it_would_take_for_a_wish() -> None:
    with pytest.raises(NotImplementedError):
        DescribeTopicsRequest(["ab"]).prepare({3: (0, 7)})


@pytest.mark.parametrize(
    ("error", "standing"),
    [
        (errors.NoError, Standing.THERE),
        (errors.LeaderNotAvailableError, Standing.THERE),  # it is being created
        (errors.UnknownTopicOrPartitionError, Standing.MISSING),
        (errors.TopicAuthorizationFailedError, Standing.HIDDEN),
    ],
)
def test_a_topic_that_may_not_be_described_is_told_from_a_missing_one(
    error: type[errors.KafkaError], standing: Standing
) -> None:
    topic = MetadataTopic(error.errno, "plant", is_internal=False, partitions=[], operations=0)
    assert topic.standing is standing


def test_the_question_about_the_quorum() -> None:
    question = DescribeQuorumRequest().prepare({55: (0, 2)})
    header = question.build_request_header(correlation_id=1, client_id="c").encode()
    assert header == b"\x00\x37\x00\x01\x00\x00\x00\x01\x00\x01c\x00"
    assert question.encode() == b"\x02\x13__cluster_metadata\x02\x00\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (-(2**31), None),
        (0, frozenset()),
        (1 << 4 | 1 << 3, frozenset({"Write"})),
        (1 << 8 | 1 << 10 | 1 << 12, frozenset({"Describe", "DescribeConfigs", "IdempotentWrite"})),
    ],
)
def test_bits_of_operations(bits: int, expected: frozenset[str] | None) -> None:
    assert operations(bits) == expected


def test_the_names_of_nested_fields_are_those_of_the_schemas() -> None:
    topics = dict(zip(MetadataResponseV8.SCHEMA.names, MetadataResponseV8.SCHEMA.fields, strict=True))["topics"]
    names = dict(zip(topics.array_of.names, topics.array_of.fields, strict=True))
    assert MetadataTopic._fields == topics.array_of.names
    assert MetadataPartition._fields == names["partitions"].array_of.names
    quorum = dict(zip(DescribeQuorumResponseV1.SCHEMA.names, DescribeQuorumResponseV1.SCHEMA.fields, strict=True))
    of_topic = dict(zip(quorum["topics"].array_of.names, quorum["topics"].array_of.fields, strict=True))
    partition = of_topic["partitions"].array_of
    assert QuorumPartition._fields == partition.names
    assert QuorumReplica._fields == dict(zip(partition.names, partition.fields, strict=True))["voters"].array_of.names
