"""Makes aiokafka's connections work on uvloop: writing to one that was just reset only loses that connection.

asyncio's own transports ignore such a write. uvloop's raise RuntimeError, which aiokafka does not expect: it ends the
sender, or the task that updates the metadata, for good, and then callers wait for metadata for ever.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITERS = ("send", "_send_sasl_token")  # the methods that write


def expect_closed_transports() -> None:
    """Make connections close and raise KafkaConnectionError in that case. Called once, before any is created.

    aiokafka does not let us choose its connection class, so this patches it.
    """
    for name in _WRITERS:
        setattr(AIOKafkaConnection, name, _guarded(getattr(AIOKafkaConnection, name)))


def _guarded(write: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(write)
    def guarded(connection: Any, *args: Any, **options: Any) -> Any:
        try:
            return write(connection, *args, **options)
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error

    return guarded
