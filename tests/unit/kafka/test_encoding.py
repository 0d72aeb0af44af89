"""What delivery reckons with is never less than what a batch takes in Kafka's format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from adapter.kafka.generation import Generation
from adapter.kafka.options import KafkaOptions
from tests.support.batches import batch_of, make_run

if TYPE_CHECKING:
    from adapter.runs import Run

BATCH_HEADER = 61  # record format v2

names = st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace").decode())
runs = st.builds(
    make_run,
    st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 70_000).map(bytes)), min_size=1, max_size=20),
    key=st.one_of(st.none(), st.binary(max_size=300)),
    headers=st.lists(st.tuples(names, st.binary(max_size=20_000)), max_size=30).map(tuple),
    arrived_ms=st.integers(1_600_000_000_000, 1_600_000_000_000 + 120_000),
)


class Encoder(Generation):
    """Encodes as a generation does, and connects to nothing."""

    def __init__(self) -> None:
        self._producer: Any = self

    @staticmethod
    def create_batch() -> BatchBuilder:
        return BatchBuilder(1 << 30, 0)


@given(st.lists(runs, min_size=1, max_size=5))
def test_the_size_of_runs_is_at_least_that_of_their_records_as_encoded(runs: list[Run]) -> None:
    encoded = Encoder().encode(batch_of("plant", 0, runs)).size()
    assert encoded <= BATCH_HEADER + sum(run.size for run in runs)


def test_the_estimate_is_not_far_off() -> None:
    run = make_run([bytes(128)] * 200, headers=tuple((f"header-{number}", bytes(20)) for number in range(5)))
    encoded = Encoder().encode(batch_of("plant", 0, [run])).size()
    assert run.size < 1.3 * encoded


async def test_a_batch_of_the_largest_size_fits() -> None:
    options = KafkaOptions("localhost:9092", max_batch_size=262_144)
    generation = Generation(options)
    run = make_run([b"1"] * 1500)
    count = (options.max_batch_size - BATCH_HEADER) // (run.size // 1500)
    batch = batch_of("plant", 0, [make_run([b"1"] * count)])
    assert generation.encode(batch).record_count() == count
    await generation.close(1.0)
