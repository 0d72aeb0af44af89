"""`adapter.kafka.questions`: what is asked, byte by byte, and what an answer's bits mean."""

from __future__ import annotations

import pytest

from adapter.kafka.questions import AskQuorum, AskTopics, operations


def test_a_question_about_topics_forbids_to_create_them() -> None:
    question = AskTopics(["ab"]).prepare({3: (0, 13)})
    header = question.build_request_header(correlation_id=1, client_id="c").encode()
    assert header == b"\x00\x03\x00\x08\x00\x00\x00\x01\x00\x01c"
    creates, tells_cluster, tells_topics = b"\x00", b"\x01", b"\x01"
    assert question.encode() == b"\x00\x00\x00\x01\x00\x02ab" + creates + tells_cluster + tells_topics


def test_a_question_about_no_topic_is_not_one_about_all() -> None:
    none, all_ = b"\x00\x00\x00\x00", b"\xff\xff\xff\xff"
    encoded = AskTopics([]).prepare({3: (0, 13)}).encode()
    assert encoded.startswith(none)
    assert not encoded.startswith(all_)


def test_a_broker_before_2_3_is_not_asked_what_it_would_take_for_a_wish() -> None:
    with pytest.raises(NotImplementedError):
        AskTopics(["ab"]).prepare({3: (0, 7)})


def test_the_question_about_the_quorum() -> None:
    question = AskQuorum().prepare({55: (0, 2)})
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
