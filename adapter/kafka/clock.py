"""What it means when Kafka refuses timestamps. They are ours, so it is no fault of a message.

Brokers take nothing from more than an hour ahead of their clock (`message.timestamp.after.max.ms`), and nothing older
than `message.timestamp.before.max.ms`, if an operator has set that. Two things can be wrong:

- The clocks differ. Then the topic takes nothing at all, and everything has to wait until they are put right.
- The topic takes nothing old, and the message has waited, as in an outage. It will never be taken, and what is behind
  it grows old as well: it is refused, and the search for it begins (`Pipeline`).

Messages that have just arrived tell which: they are not old. When even they are refused it is the clocks, until
something is taken by that topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from adapter.errors import BlockedError, KafkaError, TimestampError

if TYPE_CHECKING:
    from adapter.model import Batch

log = structlog.get_logger(__name__)

FRESH_SECONDS = 10.0  # nobody forbids messages that are younger
SAY_AGAIN_SECONDS = 60.0


class Clock:
    """Knows which topics take nothing because of their timestamps. Times in monotonic seconds."""

    def __init__(self) -> None:
        self._wrong: set[str] = set()
        self._said = float("-inf")

    def taken(self, topic: str) -> None:
        """Kafka has taken a batch."""
        self._wrong.discard(topic)

    def refused(self, batch: Batch, error: TimestampError, now: float) -> KafkaError:
        """What the refusal of a batch for its timestamps means: the same, or one that passes."""
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
