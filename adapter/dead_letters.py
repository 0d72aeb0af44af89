"""What becomes of a message that is refused for good when the operator has named a dead-letter topic.

It becomes a record of that topic, a dead letter, and goes the way of all records: a route, a lane, its place in the
connection's window. So its PUBACK says success when Kafka has the dead letter, not before and not out of turn. A dead
letter that is refused in its turn stays refused: there is never a second one.

A device that may not publish must not be able to fill the topic either, so its refusals stay refusals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from adapter.model import Refusal
from adapter.reasons import UNAUTHORIZED
from adapter.routing.dead_letter import dead_letter_from_publish, dead_letter_from_record

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from adapter.model import Identity, PublishHeader, RecordTemplate, Run, Sink
    from adapter.reasons import Reason


class Log(Protocol):
    """Rate-limited lines."""

    def warning(self, event: str, **fields: object) -> None:
        """One line, or none."""


class DeadLetters:
    """`topic` is None where the operator wants none: then every refusal stands. `counts` are per QoS."""

    def __init__(self, topic: str | None, orig_adapter: str, counts: tuple[Counter[Reason], ...], log: Log) -> None:
        self.topic = topic
        self._orig_adapter = orig_adapter.encode()
        self._counts = counts
        self._log = log

    def of_publish(self, identity: Identity, header: PublishHeader, refusal: Refusal) -> RecordTemplate | Refusal:
        """The dead letter that a publish without a record becomes; the refusal if it stands."""
        if self.topic is None or refusal.reason in UNAUTHORIZED:
            return refusal
        return dead_letter_from_publish(self.topic, self._orig_adapter, identity, header, refusal)

    def of_record(self, template: RecordTemplate, refusal: Refusal) -> RecordTemplate | Refusal:
        """The dead letter that a record becomes; the refusal if it stands."""
        first = template.refusal
        if first is not None:
            self._log.warning("dead letter refused", reason=first.reason.value, text=first.text, again=refusal.text)
            return Refusal(first.reason, f"{first.text}; refused as a dead letter too: {refusal.text}")
        if self.topic is None or refusal.reason in UNAUTHORIZED:
            return refusal
        return dead_letter_from_record(self.topic, template, refusal)

    def sink(self, lane: Sink, refusal: Refusal, is_over: Callable[[], bool]) -> Sink:
        """The lane, as dead letters see it, until `is_over`."""
        return _DeadLetterSink(lane, refusal, is_over, self._counts, self._log)


class _DeadLetterSink:
    """A lane of the dead-letter topic. Counts what it takes, and is as good as retired when its cause has gone."""

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
