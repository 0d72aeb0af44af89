"""A batch that is sure to be rejected for its size is not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.kafka.sizes import BATCH_HEADER, Sizes
from tests.support.batches import make_batch

if TYPE_CHECKING:
    from adapter.runs import Batch


def measured(size: int) -> object:
    return lambda _: size


def never(batch: Batch) -> int:
    raise AssertionError(batch)


def test_what_is_not_known_to_be_too_large_is_not_measured() -> None:
    sizes = Sizes(compressed=False)
    batch = make_batch("plant", 0, [b"1" * 1000])
    assert sizes.check(batch, never) is None
    sizes.told({"plant", "yard"}, {"plant": batch.size + BATCH_HEADER, "yard": None})
    assert sizes.check(batch, never) is None


def test_the_size_counts_that_a_broker_would_see() -> None:
    sizes = Sizes(compressed=False)
    batch = make_batch("plant", 0, [b"1" * 1000])
    sizes.told({"plant"}, {"plant": 500})
    assert sizes.check(batch, lambda _: 500) is None
    error = sizes.check(batch, lambda _: 501)
    assert error is not None
    assert (error.size, str(error)) == (
        501,
        "the message is larger than the Kafka topic plant takes: 501 bytes, at most 500",
    )


def test_what_a_broker_rejects_is_a_limit_until_it_is_asked_again() -> None:
    sizes = Sizes(compressed=False)
    batch = make_batch("plant", 0, [b"1" * 1000])
    sizes.told({"plant"}, {"plant": 10_000})
    sizes.rejected("plant", 700)
    sizes.rejected("plant", 800)
    assert sizes.check(batch, lambda _: 700) is not None
    assert sizes.check(batch, lambda _: 699) is None
    sizes.told({"plant"}, {})
    assert sizes.check(batch, never) is None


def test_what_may_grow_by_being_compressed_is_measured() -> None:
    sizes = Sizes(compressed=True)
    batch = make_batch("plant", 0, [b"1" * 1000])
    sizes.told({"plant"}, {"plant": batch.size + BATCH_HEADER})
    assert sizes.check(batch, lambda _: batch.size + BATCH_HEADER + 20) is not None
