"""Every access to a private attribute of aiokafka, one function each, because its public interface offers none of this.

tests/unit/kafka/test_aiokafka_internals.py pins each. `connections.py` and
`metadata_pace.py` patch two of its classes besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.client import ConnectionGroup
from aiokafka.errors import ProducerClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# ruff: noqa: SLF001 - the purpose of this module


def client_of(consumer: Any) -> Any:
    """Return the client of a consumer, which does not expose it."""
    return consumer._client


def versions_of(connection: Any) -> Mapping[int, tuple[int, int]]:
    """Return API key → the oldest and the newest version that the broker of a connection supports."""
    return dict(connection._versions)


def connection_to(client: Any, broker: int) -> Any:
    """Return the client's connection to a broker for everything but group coordination; None if there is none."""
    return client._conns.get((broker, ConnectionGroup.DEFAULT))


def fail_everything(producer: Any) -> None:
    """Stop sending, and fail all unanswered batches with ProducerClosed.

    `stop()` is no alternative: it flushes first, and retries what it flushes for ever.
    """
    sender, accumulator = producer._sender, producer._message_accumulator
    if sender.sender_task is not None:
        sender.sender_task.cancel()
    accumulator.fail_all(ProducerClosed())
    for batches in accumulator._batches.values():
        for batch in batches:
            # Nothing awaits this future, so asyncio would log its exception as never retrieved.
            batch._drain_waiter.exception()


def encoded_length(builder: Any) -> int:
    """Finish a batch and return its compressed size in bytes. Its sequence number cannot be set afterwards.

    The public `size()` does not count compression before the batch is finished.
    """
    return len(builder._build())


def set_sender_client(producer: Any, wrap: Callable[[Any, Any], Any]) -> None:
    """Give the producer's sender another client: `wrap` gets its client and its accumulator of batches."""
    producer._sender.client = wrap(producer.client, producer._message_accumulator)
