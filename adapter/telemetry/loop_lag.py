"""How late the event loop is: what a timer of half a second takes longer than that.

Everything runs in one loop, so this is the time that any packet may wait besides all other reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from adapter.counters import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.5
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)  # seconds


class Timers(Protocol):
    """An event loop, as far as this needs one."""

    def time(self) -> float:
        """Seconds on a monotonic clock."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any:
        """Call in `delay` seconds; the handle can be cancelled."""


class LoopLag:
    """Measures between `start` and `stop`; `seconds` has the lags."""

    def __init__(self) -> None:
        self.seconds = Histogram(BOUNDS)
        self._handle: Any = None

    def start(self, timers: Timers) -> None:
        """Measure twice a second from now on."""
        self._handle = timers.call_later(INTERVAL, self._tick, timers, timers.time() + INTERVAL)

    def stop(self) -> None:
        """Measure no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self, timers: Timers, due: float) -> None:
        self.seconds.observe(max(0.0, timers.time() - due))
        self.start(timers)
