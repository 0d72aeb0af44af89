"""The byte budget that all lanes share, and who has to wait when it runs out.

Slow Kafka must turn into TCP backpressure, and a flooding device must feel it before the others. Two marks:
above SOFT of the limit a connection waits that holds more than its fair share (the limit divided among all
connections that hold anything, and one that may come); at the limit everyone waits. Waiting connections are let on in
the order in which they came, as soon as use is below the soft mark.
"""

from typing import Protocol

from adapter.model import Owner

SOFT = 0.75


class Waiter(Protocol):
    """A connection that may add nothing now."""

    def room_again(self) -> None:
        """Try again; there may be too little room, and another wait."""

    def abandon(self, fault: Exception) -> None:
        """Its own code has raised this: it ends, and nobody else."""


class Budget:
    """Counts bytes of records from the lane's taking them until Kafka's answer. All sizes in bytes."""

    __slots__ = ("_payers", "_waiting", "limit", "releases", "soft", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.soft = int(limit * SOFT)
        self.used = 0
        self.releases = 0  # how often something was released: whether Kafka moves
        self._payers = 0
        self._waiting: dict[Waiter, None] = {}  # in order of arrival

    def must_wait(self, pending_bytes: int) -> bool:
        """Whether a connection that holds `pending_bytes` may add nothing now."""
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
        """The connection has gone."""
        self._waiting.pop(waiter, None)

    @property
    def waiting(self) -> int:
        """Connections that wait for room."""
        return len(self._waiting)

    def charge(self, owner: Owner, size: int) -> None:
        """A lane took `size` bytes of `owner`."""
        if not owner.pending_bytes:
            self._payers += 1
        owner.pending_bytes += size
        self.used += size

    def credit(self, owner: Owner, size: int) -> None:
        """Bytes of `owner` have an outcome. They stay in `used` until `release`: Kafka's client may still hold them."""
        owner.pending_bytes -= size
        if not owner.pending_bytes:
            self._payers -= 1

    def release(self, size: int) -> None:
        """Nobody holds these bytes any more."""
        self.used -= size
        self.releases += 1
        waiting = self._waiting
        # Each gets one turn at most: who finds too little room queues up again behind the others.
        for _ in range(len(waiting)):
            if self.used >= self.soft or not waiting:
                break
            waiter = next(iter(waiting))
            del waiting[waiter]
            try:
                waiter.room_again()
            except Exception as fault:  # noqa: BLE001 - the others wait for room too
                waiter.abandon(fault)
