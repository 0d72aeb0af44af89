"""`adapter.telemetry.loop_lag`: how late the loop's timers are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from adapter.telemetry.loop_lag import INTERVAL, LoopLag

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeLoop:
    """Virtual time; `late` is how much later than asked the next timer comes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timer: Callable[[], object] | None = None

    def time(self) -> float:
        """Tell the virtual time."""
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> FakeLoop:
        """Keep the one timer."""
        self.due = self.now + delay
        self.timer = lambda: callback(*args)
        return self

    def cancel(self) -> None:
        """Forget the timer."""
        self.timer = None

    def fire(self, late: float) -> None:
        """Run the timer `late` seconds after its time."""
        assert self.timer is not None
        self.now = self.due + late
        self.timer()


def test_the_lag_is_what_a_timer_comes_too_late() -> None:
    loop = FakeLoop()
    lag = LoopLag()
    lag.start(loop)
    assert loop.due == 100.0 + INTERVAL
    loop.fire(late=0.2)
    loop.fire(late=0.0)
    loop.fire(late=-0.001)
    assert sum(lag.seconds.counts) == 3
    assert lag.seconds.sum == pytest.approx(0.2)
    assert lag.seconds.counts[lag.seconds.bounds.index(0.5)] == 1


def test_nothing_is_measured_after_stop() -> None:
    loop = FakeLoop()
    lag = LoopLag()
    lag.start(loop)
    lag.stop()
    lag.stop()
    assert loop.timer is None
