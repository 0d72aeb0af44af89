"""Adds a pause between two metadata requests of a client.

While aiokafka holds a batch without a leader (its topic was deleted, or its only broker is unavailable), its sender
requests the metadata of all topics in a busy loop: a thousand times a second.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aiokafka.client import AIOKafkaClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAUSE_SECONDS = 0.2  # electing a leader takes seconds, so this adds no noticeable delay
# After a slow answer, as about thousands of topics, the pause is as long as the answer took, up to this.
MAX_PAUSE_SECONDS = 2.0


def pace_metadata() -> None:
    """Patch aiokafka's client class, because aiokafka creates its clients itself. Called once."""
    AIOKafkaClient._metadata_update = paced(AIOKafkaClient._metadata_update)  # noqa: SLF001 - no other way to it


def paced(update: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """Wrap the method so that it waits first if it was called just before."""
    again: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    @wraps(update)
    async def waiting(client: Any, *args: Any) -> bool:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, again.get(client, 0.0) - now()))
        began = now()
        try:
            return await update(client, *args)
        finally:
            again[client] = now() + min(max(PAUSE_SECONDS, now() - began), MAX_PAUSE_SECONDS)

    return waiting


class SenderClient:
    """The client, as a sender sees it: its wait for metadata ends with a new batch as well."""

    def __init__(self, client: Any, accumulator: Any) -> None:
        self._client = client
        self._accumulator = accumulator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def force_metadata_update(self) -> asyncio.Future[bool]:
        """Begin an update; the future ends with it, or as soon as there is something to send."""
        either: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def end(_: object) -> None:
            if not either.done():
                either.set_result(True)

        self._client.force_metadata_update().add_done_callback(end)
        self._accumulator.waiter().add_done_callback(end)
        return either
