"""In-memory stand-ins for the edges of the core: virtual time, Kafka, a connection, a socket."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapter.model import DeliveryStatus, Outcome, RecordTemplate
from adapter.runs import Batch, RecordMetadata, Route, Run, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.errors import KafkaError


@dataclass(frozen=True)
class Timer:
    """A call to come."""

    clock: VirtualTime
    number: int

    def cancel(self) -> None:
        self.clock.cancel(self.number)


class VirtualTime:
    """A clock that moves only when told, and runs what is due in order."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._due: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + int(self.now * 1000)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.call_later(0.0, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        number = next(self._order)
        heapq.heappush(self._due, (self.now + delay, number, callback, args))
        return Timer(self, number)

    def cancel(self, number: int) -> None:
        self._due = [each for each in self._due if each[1] != number]
        heapq.heapify(self._due)

    @property
    def waiting(self) -> int:
        """How many calls are to come."""
        return len(self._due)

    def turn(self) -> None:
        """Run what is due now."""
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Move on, running everything that becomes due on the way, at its time."""
        until = self.now + seconds
        while self._due and self._due[0][0] <= until:
            at, _, callback, args = heapq.heappop(self._due)
            self.now = max(self.now, at)
            callback(*args)
        self.now = until


class Loop(VirtualTime):
    """`step` is one turn: what is called for in it waits for the next."""

    def __init__(self) -> None:
        super().__init__()
        self.soon: list[Callable[[], object]] = []

    def call_later(self, _: float, callback: Callable[..., object], *args: object) -> None:  # type: ignore[override]
        self.soon.append(lambda: callback(*args))

    def step(self) -> None:
        due, self.soon = self.soon, []
        for call in due:
            call()


class FakeKafka:
    """Keeps what it is sent until the test answers. `log` is what it acknowledged, per partition, in order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Batch, Callable[[Batch, KafkaError | None], None]]] = []
        self.log: dict[tuple[str, int], list[bytes]] = {}
        self.sent: list[Batch] = []
        self.tells_offsets = True

    def send(self, batch: Batch, done: Callable[[Batch, KafkaError | None], None]) -> None:
        assert all((b.topic, b.partition) != (batch.topic, batch.partition) for b, _ in self.waiting)
        self.sent.append(batch)
        self.waiting.append((batch, done))

    def answer(self, error: KafkaError | None = None, at: int = 0) -> Batch:
        """Answer the batch that has waited longest (or the one at that place)."""
        batch, done = self.waiting.pop(at)
        if error is None:
            line = self.log.setdefault((batch.topic, batch.partition), [])
            batch.base_offset = len(line) if self.tells_offsets else -1
            line.extend(payload for run in batch.runs for payload in run.payloads)
        done(batch, error)
        return batch


class FakeOwner:
    """A connection that only remembers what delivery told it."""

    def __init__(self, *, fails: bool = True) -> None:
        self.pending_bytes = 0
        self.waited_seconds = 0.0
        self.record_metadata: dict[Run, RecordMetadata] | None = None
        self.settled_calls = 0
        self.fails = fails
        self.successors: list[FakeOwner] = []
        self.runs: list[Run] = []
        self.fault: Exception | None = None  # what `settled` raises
        self.abandoned: list[Exception] = []

    def settled(self) -> None:
        self.settled_calls += 1
        if self.fault is not None:
            raise self.fault

    def abandon(self, fault: Exception) -> None:
        self.abandoned.append(fault)

    def fail_connection(self, outcome: Outcome, _: list[bytes]) -> bool:
        return self.fails or outcome.status is not DeliveryStatus.REFUSED

    def split(self, run: Run) -> list[Run]:
        parts = run.halves()
        at = self.runs.index(run)
        self.runs[at : at + 1] = parts
        return parts

    def publish(self, lane: Sink, *payloads: bytes, qos: int = 1, arrived: float = 1000.0) -> Run:
        """Put one run with these payloads into a lane."""
        run = make_run(lane, self, *payloads, qos=qos, arrived=arrived)
        self.runs.append(run)
        lane.put(run)
        return run


def make_run(lane: Sink, owner: FakeOwner, *payloads: bytes, qos: int = 1, arrived: float = 1000.0) -> Run:
    """A run of these payloads."""
    template = RecordTemplate("plant", b"device", (("device_id", b"device"),), "test")
    run = Run(Route(template, lane, ack_on_receipt=False), owner, qos, arrived, 1_700_000_000_000)
    run.payloads = list(payloads)
    run.packet_ids = [(index + 1).to_bytes(2, "big") for index in range(len(payloads))] if qos else []
    run.size = sum(len(payload) + run.route.overhead for payload in payloads)
    return run


class FakeWire:
    """A socket that remembers what was written."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after close"
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        """What was written since the last call."""
        data, self.written = self.written, b""
        return data


class FakeLog:
    """Remembers the events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))
