"""A pause between two metadata requests of a client.

While a batch that aiokafka has taken is without a leader (its topic was deleted, its only broker is away), aiokafka's
sender asks for the metadata of all topics again as soon as it has the answer: a thousand times a second.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aiokafka.client import AIOKafkaClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAUSE_SECONDS = 0.2  # a new leader is there within seconds; whoever waits for it waits no longer for this
# Answers that take long, as those about thousands of topics, are followed by a pause as long, up to this.
MAX_PAUSE_SECONDS = 2.0


def pace_metadata() -> None:
    """Have every client wait. Called once; aiokafka makes its clients itself, so their class is changed."""
    AIOKafkaClient._metadata_update = paced(AIOKafkaClient._metadata_update)  # noqa: SLF001 - no other way to it


def paced(update: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    """The same method, which waits first if it was called an instant ago."""
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
