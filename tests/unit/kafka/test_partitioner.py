"""A key leads to the same partition as with Kafka's Java client."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapter.kafka.partitioner import partition_for

VECTORS = json.loads((Path(__file__).parent / "vectors" / "partitions.json").read_text())


def test_every_key_leads_to_the_partition_that_the_java_client_chooses() -> None:
    ours = [
        [key, [partition_for(bytes.fromhex(key), count) for count in VECTORS["counts"]]] for key, _ in VECTORS["keys"]
    ]
    assert VECTORS["keys"] == ours


def test_the_vectors_hold_hundreds_of_keys_of_every_length_up_to_twenty() -> None:
    assert len({key for key, _ in VECTORS["keys"]}) >= 200
    assert set(range(21)) <= {len(key) // 2 for key, _ in VECTORS["keys"]}


@given(st.binary(), st.integers(1, 10_000))
def test_any_key_has_one_partition_of_those_there_are(key: bytes, count: int) -> None:
    partition = partition_for(key, count)
    assert 0 <= partition < count
    assert partition_for(key, count) == partition


def test_without_a_key_every_partition_is_used() -> None:
    assert {0, 1, 2, 3} == {partition_for(None, 4) for _ in range(1000)}
