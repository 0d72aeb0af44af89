"""How large a batch each topic takes, so that what is larger is refused without an attempt.

An attempt that fails costs a producer (see `generation`), and one device with large messages would hold up its
partition again and again. Brokers tell `max.message.bytes` to those who may ask, and reject what is larger. They
measure a batch as it arrives, compressed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from adapter.model import Batch

BATCH_HEADER = 61  # what a batch has besides its records (record format v2); the pipeline counts records only


class Sizes:
    """Sizes in bytes, of whole batches."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._learned: dict[str, int] = {}

    def told(self, topics: Collection[str], limits: Mapping[str, int | None]) -> None:
        """Kafka was asked about these topics. What was learned is forgotten: an operator may have raised it."""
        for topic in topics:
            self._learned.pop(topic, None)
        self._told |= {topic: limit for topic, limit in limits.items() if limit is not None}

    def rejected(self, topic: str, size: int) -> None:
        """A broker has rejected a batch of this size as too large."""
        self._learned[topic] = min(size - 1, self._learned.get(topic, size))

    def check(self, batch: Batch, measure: Callable[[Batch], int]) -> TooLargeError | None:
        """Why a batch is sure to be rejected; `measure` tells its size, and is asked only if need be."""
        topic = batch.topic
        limit = self._told.get(topic)
        learned = self._learned.get(topic)
        if learned is not None and (limit is None or learned < limit):
            limit = learned
        if limit is None or batch.size + BATCH_HEADER <= limit:  # the estimate is never too low
            return None
        size = measure(batch)
        if size <= limit:
            return None
        return TooLargeError(f"the Kafka topic {topic} takes {limit} bytes at a time, and not the {size} here", size)
