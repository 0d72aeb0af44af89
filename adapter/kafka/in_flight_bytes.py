"""Limits how many bytes one broker is given at a time.

aiokafka puts all batches that wait for a broker into one request. After an outage that is a batch of every partition,
as much as the byte budget holds. A request whose transfer takes longer than the request timeout is sent again as a
whole; one larger than the broker's `socket.request.max.bytes` (100 MiB) closes the connection unread. So batches wait
here for their turn, per broker: a slow or unavailable broker does not delay the batches of others. A batch whose
partition gets another leader meanwhile does not wait for its turn at the old one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Takes 30 s, the request timeout, at 2.5 Mbit/s. A faster network transfers it sooner than a broker answers.
MAX_BYTES = 8 * 1024 * 1024

Turn = asyncio.Future[None]
Partition = tuple[str, int]


class InFlightBytes:
    """Counts unanswered bytes by broker id. A batch that is alone may have any size."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._bytes: dict[int, int] = {}
        self._waiting: dict[int, deque[tuple[Turn, int, Partition]]] = {}

    async def enter(self, broker: int, size: int, partition: Partition) -> None:
        """Wait until the broker may be given `size` more bytes: at once, or behind batches that already wait.

        The wait ends early when `release` is asked about the partition.
        """
        queue = self._waiting.setdefault(broker, deque())
        if not queue and self._fits(broker, size):
            self._bytes[broker] = self._bytes.get(broker, 0) + size
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        queue.append((turn, size, partition))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had already come
                self.leave(broker, size)
            raise

    def leave(self, broker: int, size: int) -> None:
        """Uncount `size` bytes that the broker has answered, or whose answer is no longer awaited."""
        self._bytes[broker] -= size
        queue = self._waiting[broker]
        while queue and (queue[0][0].cancelled() or self._fits(broker, queue[0][1])):
            turn, waiting, _ = queue.popleft()
            if not turn.cancelled():
                self._bytes[broker] += waiting
                turn.set_result(None)

    def release_all(self) -> None:
        """Let every waiting batch continue, because nothing will be sent any more."""
        self.release(lambda _broker, _partition: True)

    def release(self, is_over: Callable[[int, Partition], bool]) -> None:
        """Let batches continue before their turn that will not be sent to this broker: `is_over(broker, partition)`."""
        for broker, queue in self._waiting.items():
            for _ in range(len(queue)):
                turn, size, partition = waiting = queue.popleft()
                if turn.cancelled():
                    continue
                if is_over(broker, partition):
                    self._bytes[broker] += size
                    turn.set_result(None)
                else:
                    queue.append(waiting)

    def waiting_for(self, broker: int) -> list[Partition]:
        """Whose batches wait for their turn at this broker."""
        return [partition for _, _, partition in self._waiting.get(broker, ())]

    def _fits(self, broker: int, size: int) -> bool:
        held = self._bytes.get(broker, 0)
        return not held or held + size <= self._most
