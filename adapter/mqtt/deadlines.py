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
            if not watched:
                del self._seconds[one.watched_second]

    def _sweep(self) -> None:
        now = self._timers.time()
        if now > self._due + LATE and not self._put_off:
            self._put_off = True
            self._plan(now, 1.0)  # a whole one: thousands of sockets are to be read until then
            return
        self._put_off = False
        first, self._swept = self._swept + 1, int(now)
        for second in range(first, self._swept + 1):
            for one in self._seconds.pop(second, ()):
                one.check_deadline(now)
        self._running = bool(self._seconds)
        if self._running:
            self._plan_next(now)

    def _plan_next(self, now: float) -> None:
        self._plan(now, 1.0 - now % 1.0)

    def _plan(self, now: float, wait: float) -> None:
        self._due = now + wait
        self._timers.call_later(wait, self._sweep)
