"""Knows the largest batch of each topic, so that larger ones are refused without an attempt.

A failed attempt costs a producer (see `generation`), and one device with large messages would block its partition again
and again. Brokers report `max.message.bytes` to clients with the right to read it, and reject larger batches. They
measure a batch as it arrives, compressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from adapter.runs import Batch

BATCH_HEADER = 61  # bytes of a batch besides its records (record format v2); the pipeline counts only records


class Sizes:
    """Sizes are those of whole batches, in bytes."""

    def __init__(self, *, compressed: bool) -> None:
        self._most_growth = 7 / 6 if compressed else 1.0  # snappy's, which promises least
        self._told: dict[str, int] = {}
        self._learned: dict[str, int] = {}

    def told(self, topics: Collection[str], limits: Mapping[str, int | None]) -> None:
        """Store Kafka's answer, and forget what rejections taught: an operator may have raised the limit."""
        for topic in topics:
            self._learned.pop(topic, None)
        self._told |= {topic: limit for topic, limit in limits.items() if limit is not None}

    def rejected(self, topic: str, size: int) -> None:
        """Learn from a batch of this size that a broker rejected as too large."""
        self._learned[topic] = min(size - 1, self._learned.get(topic, size))

    def check(self, batch: Batch, measure: Callable[[Batch], int]) -> TooLargeError | None:
        """Return why a batch is certain to be rejected, or None; `measure` is called only if necessary."""
        topic = batch.topic
        limit = self._told.get(topic)
        learned = self._learned.get(topic)
        if learned is not None and (limit is None or learned < limit):
            limit = learned
        # The estimate of the records is never too low.
        if limit is None or self._most_growth * batch.size + BATCH_HEADER <= limit:
            return None
        size = measure(batch)
        if size <= limit:
            return None
        return TooLargeError(
            f"the message is larger than the Kafka topic {topic} takes: {size} bytes, at most {limit}", size
        )
