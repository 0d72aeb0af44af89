"""Limits log lines that devices or an outage can cause by the thousand, and counts the suppressed ones."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 10
INTERVAL = 60.0  # seconds
# Event names are constants of the source, so there are few; this bounds the memory in any case.
MAX_EVENTS = 256

_FIRST_WORDS = re.compile(r"[A-Za-z ]*")


class Logger(Protocol):
    """A structlog logger."""

    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...


class Allowance:
    """Allows `burst` lines of a name in each `interval` (seconds), and counts the others."""

    __slots__ = ("_burst", "_clock", "_interval", "_names")

    def __init__(self, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._names: dict[str, _Window] = {}

    def take(self, name: str) -> int | None:
        """Return how many lines were suppressed since the last allowed one; None if this one is suppressed."""
        window = self._names.get(name)
        if window is None:
            if len(self._names) >= MAX_EVENTS:
                name = ""  # the rest share one window
            window = self._names.setdefault(name, _Window())
        now = self._clock()
        if now - window.began >= self._interval:
            window.began = now
            window.let_through = 0
        if window.let_through >= self._burst:
            window.left_out += 1
            return None
        window.let_through += 1
        left_out, window.left_out = window.left_out, 0
        return left_out


class _Window:
    __slots__ = ("began", "left_out", "let_through")

    def __init__(self) -> None:
        self.began = float("-inf")
        self.let_through = 0
        self.left_out = 0


class RateLimitedLog:
    """A logger that writes at most `burst` lines of an event in `interval` seconds.

    `event` must be a constant of the source, never derived from device input. The first line after suppressed ones has
    their number as `suppressed`.
    """

    def __init__(
        self,
        logger: Logger,
        burst: int = BURST,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._allowance = Allowance(burst, interval, clock)

    def info(self, event: str, **fields: object) -> None:
        suppressed = self._allowance.take(event)
        if suppressed is not None:
            self._logger.info(event, **fields, **_told(suppressed))

    def warning(self, event: str, **fields: object) -> None:
        suppressed = self._allowance.take(event)
        if suppressed is not None:
            self._logger.warning(event, **fields, **_told(suppressed))


def _told(suppressed: int) -> dict[str, int]:
    return {"suppressed": suppressed} if suppressed else {}


class RepeatFilter(logging.Filter):
    """The same for the lines of libraries, grouped by a name that peers cannot choose; see `_name`.

    Lines of the logger `except_for` and its children pass.
    """

    def __init__(
        self,
        except_for: str,
        burst: int = BURST,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._except_for = except_for
        self._allowance = Allowance(burst, interval, clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; appends the number of similar lines that were suppressed."""
        if record.name.partition(".")[0] == self._except_for:
            return True
        suppressed = self._allowance.take(_name(record))
        if suppressed:
            record.msg = f"{record.msg} [{suppressed} more like this were suppressed]"
        return suppressed is not None


def _name(record: logging.LogRecord) -> str:
    """Return what similar lines share: the text before formatting, or the place in the source.

    asyncio and uvloop log everything from one place, already formatted (`Fatal error on transport TCPTransport`, then
    addresses of objects); for these the first words count.
    """
    if record.args:
        return f"{record.name} {record.msg}"
    if record.name == "asyncio" and (words := _FIRST_WORDS.match(str(record.msg))):
        return f"{record.name} {words[0]}"
    return f"{record.name} {record.pathname}:{record.lineno}"
