"""Whether the process may open another file.

If it may not, uvloop resets every new connection, and tells nobody: so a file is opened now and then.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.telemetry.loop_lag import Timers

INTERVAL = 1.0  # seconds


class Log(Protocol):
    """Where it is told; it should limit the rate."""

    def warning(self, event: str, **fields: object) -> None:
        """Log a line."""


def _open_one() -> None:
    os.close(os.open(os.devnull, os.O_RDONLY))


class OpenFiles:
    """Tries between `start` and `stop`; `exhausted` counts the attempts that failed."""

    def __init__(self, open_one: Callable[[], None] = _open_one) -> None:
        self.exhausted = 0
        self._open_one = open_one
        self._handle: Any = None

    def start(self, timers: Timers, log: Log) -> None:
        """Try once a second from now on."""
        self._handle = timers.call_later(INTERVAL, self._try, timers, log)

    def stop(self) -> None:
        """Stop trying."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _try(self, timers: Timers, log: Log) -> None:
        try:
            self._open_one()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                self.exhausted += 1
                log.warning("out of file descriptors: new connections are reset", error=str(error))
        self.start(timers, log)
