"""Decides which messages that are refused for good become dead letters, if there is a dead-letter topic.

A dead letter is a record like any other, with a route, a lane and a place in the connection's window. So its PUBACK
reports success when Kafka has the dead letter, not earlier and in its turn. If a dead letter is refused too, the
message is refused: there is never a second dead letter.

A device that is not authorised to publish must not be able to fill the topic either: its messages are only refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from adapter.model import Refusal
from adapter.reasons import UNAUTHORIZED
from adapter.routing.dead_letter import dead_letter_from_publish, dead_letter_from_record

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from adapter.model import Identity, PublishHeader, RecordTemplate
    from adapter.reasons import Reason
    from adapter.runs import Run, Sink


class Log(Protocol):
    """A log that limits its rate."""

    def warning(self, event: str, **fields: object) -> None:
        """Log a line, or drop it."""


class DeadLetters:
    """Without a dead-letter topic (`topic` is None) every refusal stands. `counts` has a counter for each QoS."""

    def __init__(self, topic: str | None, orig_adapter: str, counts: tuple[Counter[Reason], ...], log: Log) -> None:
        self.topic = topic
        self._orig_adapter = orig_adapter.encode()
        self._counts = counts
        self._log = log

    def of_publish(self, identity: Identity, header: PublishHeader, refusal: Refusal) -> RecordTemplate | Refusal:
        """Return the dead letter of a PUBLISH for which routing made no record, or the refusal if it stands."""
        if self.topic is None or refusal.reason in UNAUTHORIZED:
            return refusal
        return dead_letter_from_publish(self.topic, self._orig_adapter, identity, header, refusal)

    def of_record(self, template: RecordTemplate, refusal: Refusal) -> RecordTemplate | Refusal:
        """Return the dead letter of a record, or the refusal if it stands."""
        first = template.refusal
        if first is not None:
            self._log.warning("dead letter refused", reason=first.reason.value, text=first.text, again=refusal.text)
            return Refusal(first.reason, f"{first.text}; refused as a dead letter too: {refusal.text}")
        if self.topic is None or refusal.reason in UNAUTHORIZED:
            return refusal
        return dead_letter_from_record(self.topic, template, refusal)

    def sink(self, lane: Sink, refusal: Refusal, is_over: Callable[[], bool]) -> Sink:
        """Return the lane as dead letters use it: it counts what it takes, and is retired once `is_over`."""
        return _DeadLetterSink(lane, refusal, is_over, self._counts, self._log)


class _DeadLetterSink:
    """A lane of the dead-letter topic. Counts what it takes, and is retired once the cause of the refusal has gone."""

    __slots__ = ("_counts", "_is_over", "_lane", "_log", "_refusal")

    def __init__(
        self,
        lane: Sink,
        refusal: Refusal,
        is_over: Callable[[], bool],
        counts: tuple[Counter[Reason], ...],
        log: Log,
    ) -> None:
        self._lane = lane
        self._refusal = refusal
        self._is_over = is_over
        self._counts = counts
        self._log = log

    @property
    def retired(self) -> bool:
        return self._lane.retired or self._is_over()

    def put(self, run: Run) -> None:
        self._counts[run.qos][self._refusal.reason] += len(run.payloads)
        self._log.warning("message became a dead letter", reason=self._refusal.reason.value, text=self._refusal.text)
        self._lane.put(run)
