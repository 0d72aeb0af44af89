"""What the pipeline needs, as Protocols: an event loop is a `Timers`, `adapter.kafka` has a `Producer`."""

from collections.abc import Callable
from typing import Any, Protocol

from adapter.errors import KafkaError
from adapter.model import Batch


class Timers(Protocol):
    """The clock and the only source of later calls: asyncio's loop in production, virtual time in simulation."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Any:
        """Call after what is going on now."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds."""


class Producer(Protocol):
    """Kafka. The pipeline gives it one batch a partition at a time."""

    def send(self, batch: Batch, done: Callable[[Batch, KafkaError | None], None]) -> None:
        """Write the batch; `done` is called once, with None when Kafka acknowledged it as configured."""
