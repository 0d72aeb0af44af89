"""How much of the costly kinds of work is done in one turn of the event loop, all connections together.

A read may bring thirty thousand small packets, or four thousand topics that nobody has seen before. A message of an
honest device needs some twenty turns on its way to Kafka and back: what one turn takes, it waits twenty times. So who
finds nothing left waits for a later turn, in order; PUBLISH packets to known topics, the usual case, cost nothing here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adapter.mqtt.ports import Timers

BUDGET = 256  # µs, about
# What things cost, in the same measure.
CONTROL_PACKET = 4
CONNECT = 50
LOOKUP = 25
READ = 10  # through TLS or WebSocket
FRAME = 8  # of WebSocket


class Waiter(Protocol):
    """Has more to do."""

    def next_turn(self) -> None:
        """Go on."""


class Turns:
    """One for all connections. It counts turns itself: a clock may stand still for several, or move on within one."""

    def __init__(self, timers: Timers, budget: int = BUDGET) -> None:
        self._timers = timers
        self._budget = budget
        self._left = budget
        self._waiting: deque[Waiter] = deque()
        self._serving = False
        self._planned = False

    def take(self, cost: int) -> bool:
        """Whether there is something left of this turn; if not, `wait`. What is begun may cost more than is left."""
        if self._left <= 0 or (self._waiting and not self._serving):
            return False
        self._left -= cost
        self._plan()
        return True

    def wait(self, waiter: Waiter) -> None:
        """Call `waiter.next_turn` in a later turn, once, behind those that wait already."""
        self._waiting.append(waiter)
        self._plan()

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            self._timers.call_later(0.0, self._next)

    def _next(self) -> None:
        self._planned = False
        self._left = self._budget
        self._serving = True
        try:
            for _ in range(len(self._waiting)):
                if self._left <= 0:
                    break
                self._waiting.popleft().next_turn()
        finally:
            self._serving = False
            if self._waiting:
                self._plan()
