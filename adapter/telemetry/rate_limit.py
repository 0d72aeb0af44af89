"""Lines that devices or an outage can cause by the thousand: so many a minute, and the number of those left out."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 10
INTERVAL = 60.0  # seconds
# Events are named in the source, so there are few; the limit holds whatever somebody passes.
MAX_EVENTS = 256

_FIRST_WORDS = re.compile(r"[A-Za-z ]*")


class Logger(Protocol):
    """A structlog logger."""

    def info(self, event: str, **fields: object) -> object:
        """Write a line."""

    def warning(self, event: str, **fields: object) -> object:
        """Write a line."""


class Allowance:
    """Lets `burst` of a name through in each `interval` (seconds), and counts the others."""

    __slots__ = ("_burst", "_clock", "_interval", "_names")

    def __init__(self, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._interval = interval
        self._clock = clock
        self._names: dict[str, _Window] = {}

    def take(self, name: str) -> int | None:
        """None: not this one. Else how many were left out since the last one let through."""
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

    `event` is a constant of the source, never made of what a device sent. A line that follows others that were left
    out has their number as `suppressed`.
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
        """One line, or none."""
        suppressed = self._allowance.take(event)
        if suppressed is not None:
            self._logger.info(event, **fields, **_told(suppressed))

    def warning(self, event: str, **fields: object) -> None:
        """One line, or none."""
        suppressed = self._allowance.take(event)
        if suppressed is not None:
            self._logger.warning(event, **fields, **_told(suppressed))


def _told(suppressed: int) -> dict[str, int]:
    return {"suppressed": suppressed} if suppressed else {}


class RepeatFilter(logging.Filter):
    """The same for the lines of libraries, told apart by what a peer cannot choose; see `_name`.

    Lines of the logger `except_for`, and of those below it, pass.
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
        """Whether the line is written; it is told how many like it were not."""
        if record.name.partition(".")[0] == self._except_for:
            return True
        suppressed = self._allowance.take(_name(record))
        if suppressed:
            record.msg = f"{record.msg} [{suppressed} more like this were suppressed]"
        return suppressed is not None


def _name(record: logging.LogRecord) -> str:
    """What all lines of one kind share: the text before anything is filled in, or the place that made it.

    asyncio and uvloop write everything from one place, with what is concerned filled in already (`Fatal error on
    transport TCPTransport`, and then addresses of objects): of these the first words count.
    """
    if record.args:
        return f"{record.name} {record.msg}"
    if record.name == "asyncio" and (words := _FIRST_WORDS.match(str(record.msg))):
        return f"{record.name} {words[0]}"
    return f"{record.name} {record.pathname}:{record.lineno}"
