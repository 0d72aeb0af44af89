"""Decides what it means when Kafka rejects timestamps. They are ours, so the message is not at fault.

Brokers reject records more than an hour ahead of their clock (`message.timestamp.after.max.ms`), and records older than
`message.timestamp.before.max.ms`, if an operator has set that. There are two possible causes:

- The clocks differ. Then the topic accepts nothing at all, and all messages wait until an operator corrects the clocks.
- The topic accepts no old records, and the message has waited, as in an outage. It will never be accepted, so it is
  refused, and `Pipeline` searches the batch for it.

Messages that have just arrived are not old. If even they are rejected, the clocks differ, until the topic accepts a
batch again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from adapter.errors import BlockedError, KafkaError, TimestampError

if TYPE_CHECKING:
    from adapter.runs import Batch

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0  # no sensible limit rejects younger messages
SAY_AGAIN_SECONDS = 60.0


class Clock:
    """Remembers which topics reject all records because of their timestamps. Times are in monotonic seconds."""

    def __init__(self) -> None:
        self._wrong: set[str] = set()
        self._said = float("-inf")

    def taken(self, topic: str) -> None:
        """Kafka has acknowledged a batch of this topic."""
        self._wrong.discard(topic)

    def refused(self, batch: Batch, error: TimestampError, now: float) -> KafkaError:
        """Return `error` if the batch is too old, or BlockedError if the clocks differ."""
        if now - batch.runs[0].arrived < FRESH_SECONDS:
            self._wrong.add(batch.topic)
        if batch.topic not in self._wrong:
            return error
        if now - self._said > SAY_AGAIN_SECONDS:
            self._said = now
            log.error(
                "Kafka refuses the time of messages that have just arrived: compare the clocks of this host and of the "
                "brokers, and the topic's message.timestamp.after.max.ms and message.timestamp.before.max.ms; "
                "messages wait meanwhile",
                kafka_topic=batch.topic,
                timestamp_ms=batch.runs[0].arrived_ms,
            )
        return BlockedError(f"{error}; is the clock of the adapter's host right?")
