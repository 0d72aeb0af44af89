"""Deadlines of many connections without a timer for each: keep-alive, CONNECT timeout, Will Delay."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adapter.mqtt.ports import Timers


class Watched(Protocol):
    """An object with a deadline."""

    watched_second: int

    def check_deadline(self, now: float) -> None:
        """The time given to `watch` is over; `now` is in monotonic seconds."""


LATE = 0.5  # seconds; a sweep is later than this only if the whole process was stalled
# In one turn of the event loop: thousands of Wills may be due in the same second, at 30 µs each.
AT_ONCE = 100


class Deadlines:
    """Sweeps once per second, on the second, while there is a deadline: never early, at most a second late.

    After a stall (no CPU, a paused container) timers run before sockets are read. A late sweep is postponed once, to
    the next second, so that what devices sent during the stall is read first.
    """

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._seconds: dict[int, dict[Watched, None]] = {}
        self._swept = int(timers.time())
        self._running = False
        self._due = 0.0
        self._put_off = False
        self._judging = range(0)  # seconds

    def watch(self, one: Watched, at: float) -> None:
        """Call `one.check_deadline` soon after `at` (monotonic seconds), once."""
        if not self._seconds:
            self._swept = int(self._timers.time())
        second = max(ceil(at), self._swept + 1)
        one.watched_second = second
        self._seconds.setdefault(second, {})[one] = None
        if not self._running:
            self._running = True
            self._plan_next(self._timers.time())

    def forget(self, one: Watched) -> None:
        """The deadline does not matter any more."""
        watched = self._seconds.get(one.watched_second)
        if watched is not None:
            watched.pop(one, None)
            self._drop_if_empty(one.watched_second)

    def _sweep(self) -> None:
        now = self._timers.time()
        if now > self._due + LATE and not self._put_off:
            self._put_off = True
            self._plan(now, 1.0)  # a whole one: thousands of sockets are to be read until then
            return
        self._put_off = False
        self._judging = range(self._swept + 1, int(now) + 1)
        self._swept = int(now)
        self._judge()

    def _judge(self) -> None:
        """Call some whose deadline has passed; the others in later turns of the event loop."""
        now = self._timers.time()
        for second in self._judging:
            for _ in range(AT_ONCE):
                if second not in self._seconds:
                    break
                one = self._seconds[second].popitem()[0]
                self._drop_if_empty(second)
                one.check_deadline(now)
            else:
                self._judging = range(second, self._judging.stop)
                self._timers.call_later(0.0, self._judge)
                return
        self._running = bool(self._seconds)
        if self._running:
            self._plan_next(now)

    def _drop_if_empty(self, second: int) -> None:
        if not self._seconds[second]:
            del self._seconds[second]

    def _plan_next(self, now: float) -> None:
        self._plan(now, 1.0 - now % 1.0)

    def _plan(self, now: float, wait: float) -> None:
        self._due = now + wait
        self._timers.call_later(wait, self._sweep)
