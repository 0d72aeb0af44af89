"""The Protocols that the pipeline needs: an event loop is a `Timers`, `adapter.kafka` has a `Producer`."""

from collections.abc import Callable
from typing import Any, Protocol

from adapter.errors import KafkaError
from adapter.runs import Batch


class Timers(Protocol):
    """The clock and the only scheduler: asyncio's loop in production, virtual time in the simulation."""

    def time(self) -> float:
        """Return seconds on a monotonic clock."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Any:
        """Call after the current callback."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds."""


class Producer(Protocol):
    """Writes to Kafka. The pipeline gives it one batch per partition at a time."""

    def send(self, batch: Batch, done: Callable[[Batch, KafkaError | None], None]) -> None:
        """Write the batch; call `done` once, with None if Kafka acknowledged it as configured."""
