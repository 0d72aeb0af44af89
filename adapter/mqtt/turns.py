"""How much expensive work all connections together may do in one turn of the event loop.

A read may bring thirty thousand small packets, or four thousand new topics. A message of an honest device needs some
twenty turns on its way to Kafka and back, so it waits twenty times for whatever a turn takes. A connection that finds
the turn's budget exhausted waits for a later turn. Connections with few bytes go before those with many, unless the
latter got nothing in the last turn: a PINGREQ does not wait for each of twenty large property lists. Otherwise it is
first come, first served. PUBLISH packets to known topics, the usual case, are free, unless one read brings dozens that
are refused or share no run.

There are three lines (`Frontend`), none of which waits for another: packets and topics of devices that were let in;
their reads through TLS and WebSocket; and everything that comes before a device is let in.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adapter.mqtt.ports import Timers

BUDGET = 256  # about 1 µs each
# What one connection gets of it while others wait: a flood must not cost each of them a whole turn.
SHARE = 32
# Seconds until the next turn when everybody who waits has overdrawn, and in a line that is `paced`: else a flood would
# keep the CPU busy, of which Kafka's broker or the devices of others may need their part.
PAUSE = 0.001
# Costs, in the same unit.
CONTROL_PACKET = 4
CONNECT = 50
LOOKUP = 25
REPEATED = 8  # a PUBLISH that is sent again, which is searched for among what is pending
RUN = 1  # a PUBLISH that cannot share the run of the one before
REFUSED = 24  # a PUBLISH whose payload is refused, or becomes a dead letter
UNPAID = 32  # the runs and refusals of each read that are free
READ = 10  # through TLS or WebSocket
RECORD = 5  # of TLS, beyond the first of a read
FRAME = 8  # of WebSocket
HANDSHAKE = 1000  # of TLS: the server's signature

USUAL = 1024  # bytes


def size_cost(size: int) -> int:
    """The cost of a packet or property list by its bytes: the shortest user properties are five, and take 0.3 µs.

    What is larger than usual costs more than it takes: honest devices need it rarely.
    """
    return size // 4 if size <= USUAL else size - USUAL * 3 // 4


class Waiter(Protocol):
    """A connection with more to do."""

    @property
    def backlog(self) -> int:
        """Bytes that were read and are still to be taken."""

    def next_turn(self) -> None:
        """Continue: its turn has come."""


class Turns:
    """One line. It counts turns itself: the clock may not move for several, or move within one."""

    def __init__(self, timers: Timers, budget: int = BUDGET, *, strict: bool = False, paced: bool = False) -> None:
        """In a `strict` line all wait until an overdraft is paid, else one turn at most, and longer who has made it.

        A `paced` line has one turn in PAUSE seconds while it is exhausted: a quarter of the time for it.
        """
        self._timers = timers
        self._budget = budget
        self._strict = strict
        self._paced = paced
        self._left = budget
        self._share = budget
        self._come: list[tuple[Waiter, int]] = []  # since the last turn, each with what it has overdrawn
        self._few: deque[tuple[Waiter, int]] = deque()  # those with a backlog of USUAL bytes at most
        self._many: deque[tuple[Waiter, int]] = deque()
        self._many_first = False  # they were passed over in the last turn
        self._serving = False
        self._planned = False

    def take(self, cost: int) -> bool:
        """Spend `cost`; False when the budget is exhausted: then `wait`. The last to spend may overdraw it."""
        if self._left <= 0 or (self._share <= 0 if self._serving else self._is_waited_for):
            return False
        self.charge(cost)
        return True

    def charge(self, cost: int) -> None:
        """Spend `cost` in any case, also more than is left."""
        self._left -= cost
        self._share -= cost
        self._plan()

    def wait(self, waiter: Waiter) -> None:
        """Call `waiter.next_turn` once in a later turn, after those like it that are waiting already."""
        self._come.append((waiter, max(0, -self._share) if self._serving else 0))
        self._plan()

    @property
    def _is_waited_for(self) -> bool:
        return bool(self._come or self._few or self._many)

    def _plan(self, delay: float = 0.0) -> None:
        if not self._planned and not self._serving:
            self._planned = True
            self._timers.call_later(delay, self._next)

    def _next(self) -> None:
        self._planned = False
        overdraft = self._left if self._strict else max(self._left, -self._budget)
        self._left = min(self._budget, overdraft + self._budget)
        come, self._come = self._come, []
        for entry in come:
            (self._few if entry[0].backlog <= USUAL else self._many).append(entry)
        lines = [self._many, self._few] if self._many_first else [self._few, self._many]
        served: list[int] = []
        self._serving = True
        try:
            served += map(self._serve, lines)
        finally:
            self._serving = False
            if self._is_waited_for or self._left <= 0:
                self._plan(0.0 if self._strict or (any(served) and not self._paced) else PAUSE)
            elif self._left < self._budget:
                self._plan()
        if any(served):
            self._many_first = not self._many_first and not served[1] and bool(self._many)

    def _serve(self, line: deque[tuple[Waiter, int]]) -> int:
        """Let them continue one after the other, while the turn's budget lasts; returns how many did."""
        served = 0
        for _ in range(len(line)):
            if self._left <= 0:
                break
            share = max(SHARE, self._left // (len(self._few) + len(self._many)))
            waiter, debt = line.popleft()
            if debt >= share:
                line.append((waiter, debt - share))
                continue
            self._share = share - debt
            served += 1
            waiter.next_turn()
        return served
