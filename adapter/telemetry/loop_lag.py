"""Measures how late the event loop is: how much longer a timer of half a second takes.

Everything runs in one loop, so any packet may wait this long in addition to all other delays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from adapter.counters import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.5
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)  # seconds


class Timers(Protocol):
    """The part of an event loop that is needed here."""

    def time(self) -> float:
        """Return seconds on a monotonic clock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds; the returned handle can be cancelled."""


class LoopLag:
    """Measures between `start` and `stop`; `seconds` holds the lags."""

    def __init__(self) -> None:
        self.seconds = Histogram(BOUNDS)
        self._handle: Any = None

    def start(self, timers: Timers) -> None:
        """Start to measure, twice a second."""
        self._handle = timers.call_later(INTERVAL, self._tick, timers, timers.time() + INTERVAL)

    def stop(self) -> None:
        """Stop measuring. May be called repeatedly."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self, timers: Timers, due: float) -> None:
        self.seconds.observe(max(0.0, timers.time() - due))
        self.start(timers)
