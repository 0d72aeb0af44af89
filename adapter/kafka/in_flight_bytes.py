"""How many bytes one broker is given at a time.

aiokafka puts everything that waits for a broker into one request. After an outage that is a batch of every partition,
as much as the byte budget holds. A request that takes longer on its way than the request timeout is never answered, but
sent again, whole; one larger than the broker's `socket.request.max.bytes` (100 MiB) is never read, and the connection
is closed. So batches wait here for their turn, per broker: one that is slow or away holds up nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import deque

# In 30 s, the request timeout, over 2.5 Mbit/s. A faster network has it there sooner than a broker answers.
MAX_BYTES = 8 * 1024 * 1024

Turn = asyncio.Future[None]


class InFlightBytes:
    """Bytes that brokers have been given and not answered, by broker id. A batch that is alone may have any size."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._bytes: dict[int, int] = {}
        self._waiting: dict[int, deque[tuple[Turn, int]]] = {}

    async def enter(self, broker: int, size: int) -> None:
        """Wait until the broker may be given `size` bytes more: at once, or behind those who wait already."""
        queue = self._waiting.setdefault(broker, deque())
        if not queue and self._fits(broker, size):
            self._bytes[broker] = self._bytes.get(broker, 0) + size
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        queue.append((turn, size))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn had come
                self.leave(broker, size)
            raise

    def leave(self, broker: int, size: int) -> None:
        """The broker has answered, or is not waited for any more."""
        self._bytes[broker] -= size
        queue = self._waiting[broker]
        while queue and (queue[0][0].cancelled() or self._fits(broker, queue[0][1])):
            turn, waiting = queue.popleft()
            if not turn.cancelled():
                self._bytes[broker] += waiting
                turn.set_result(None)

    def release_all(self) -> None:
        """Nothing will be given to any broker: everyone's turn comes now."""
        for broker, queue in self._waiting.items():
            while queue:
                turn, size = queue.popleft()
                if not turn.cancelled():
                    self._bytes[broker] += size
                    turn.set_result(None)

    def _fits(self, broker: int, size: int) -> bool:
        held = self._bytes.get(broker, 0)
        return not held or held + size <= self._most
