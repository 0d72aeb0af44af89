"""The byte budget that all lanes share. It decides which connections wait when it runs out.

A slow Kafka must turn into TCP backpressure, and a flooding device must feel it before others do. There are two marks.
Above SOFT of the limit, connections wait that hold more than their fair share: the limit divided by the connections
that hold anything, plus one. At the limit every connection waits. Waiting connections continue in the order in which
they came, as soon as use falls below the soft mark.
"""

from typing import Protocol

from adapter.runs import Owner

SOFT = 0.75


class Waiter(Protocol):
    """A connection that waits for room."""

    def room_again(self) -> None:
        """Try again. There may still be too little room, which means another wait."""

    def abandon(self, fault: Exception) -> None:
        """End this connection only, because its code has raised `fault`."""


class Budget:
    """Counts the bytes of records from the time a lane takes them until Kafka answers. All sizes are in bytes."""

    __slots__ = ("_payers", "_waiting", "limit", "soft", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.soft = int(limit * SOFT)
        self.used = 0
        self._payers = 0
        self._waiting: dict[Waiter, None] = {}  # in order of arrival

    def must_wait(self, pending_bytes: int) -> bool:
        """Whether a connection that holds `pending_bytes` must wait before it adds more."""
        if self.used < self.soft:
            return False
        return self.used >= self.limit or self.exceeds_share(pending_bytes)

    def exceeds_share(self, pending_bytes: int) -> bool:
        """Whether `pending_bytes` are more than one connection's fair share."""
        return pending_bytes * (self._payers + 1) >= self.limit

    def wait(self, waiter: Waiter) -> None:
        """Call `waiter.room_again` once, when there is room."""
        self._waiting[waiter] = None

    def forget(self, waiter: Waiter) -> None:
        """Remove a connection that has ended."""
        self._waiting.pop(waiter, None)

    @property
    def waiting(self) -> int:
        """Connections that wait for room."""
        return len(self._waiting)

    def charge(self, owner: Owner, size: int) -> None:
        """Count `size` bytes of `owner` that a lane has taken."""
        if not owner.pending_bytes:
            self._payers += 1
        owner.pending_bytes += size
        self.used += size

    def credit(self, owner: Owner, size: int) -> None:
        """Uncount bytes of `owner` that have an outcome. `used` keeps them until `release`: aiokafka may hold them."""
        owner.pending_bytes -= size
        if not owner.pending_bytes:
            self._payers -= 1

    def release(self, size: int) -> None:
        """Free `size` bytes that are held no more, and let waiting connections continue."""
        self.used -= size
        waiting = self._waiting
        # Each gets at most one turn: a connection that finds too little room queues up again behind the others.
        for _ in range(len(waiting)):
            if self.used >= self.soft or not waiting:
                break
            waiter = next(iter(waiting))
            del waiting[waiter]
            try:
                waiter.room_again()
            except Exception as fault:  # noqa: BLE001 - the others wait for room, too
                waiter.abandon(fault)
