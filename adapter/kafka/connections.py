"""aiokafka's connections on uvloop: writing to one that was reset an instant ago is a lost connection, nothing worse.

asyncio's own transports take such a write without a word. uvloop's raise RuntimeError, which aiokafka does not expect:
it ends the sender, or the task that keeps the metadata, for good; and whoever waits for metadata then waits for ever.
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
    """Have every connection close itself and raise KafkaConnectionError then. Called once, before any is made.

    aiokafka gives no way to choose the class of its connections, so theirs is changed.
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
