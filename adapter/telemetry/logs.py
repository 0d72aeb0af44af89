"""How lines are written: one format for our own (structlog) and for those of the libraries (logging), on one stream.

No payload and no secret is ever given to a log call, so there is nothing to redact. What devices do choose, such as a
client identifier, is cut to a length and cannot make a line that looks like another: JSON escapes control characters,
and for the console we do. Lines that devices can cause are written through `RateLimitedLog`.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from adapter.telemetry.rate_limit import RateLimitedLog, RepeatFilter

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["RateLimitedLog", "configure_logs"]

# Characters: more than any client identifier or topic that people would read in a line, less than an attack with them.
LONGEST_VALUE = 512
LONGEST_TRACEBACK = 16_384

# aiokafka writes keys and values of records at DEBUG, amqtt what clients send: only our own lines go below this level.
LIBRARY_LEVEL = logging.WARNING
OWN = "adapter"


def configure_logs(level: str, format_: str, stream: TextIO | None = None) -> None:
    """Write everything of `level` (`debug`, `info`, `warning`, `error`) and above as `format_` (`json`, `console`).

    `stream` is standard error when not given. May be called again; the last call counts.
    """
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _plain,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderer(format_, stream)],
        )
    )
    # A library that cannot reach a broker says so several times a second; our own lines are limited where it matters.
    handler.addFilter(RepeatFilter(except_for=OWN))
    own_level = logging.getLevelNamesMapping()[level.upper()]
    handler.setLevel(own_level)  # a library's logger may have a level of its own
    logging.getLogger(OWN).setLevel(own_level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(own_level, LIBRARY_LEVEL))
    logging.captureWarnings(capture=True)


def _renderer(format_: str, stream: TextIO) -> list[Processor]:
    if format_ == "json":
        return [structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        # Not the default, which prints the local variables of every frame: payloads and secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_printable, console]


def _plain(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Reduce every value to plain, short data, so that no renderer has to guess."""
    for key, value in event_dict.items():
        if not key.startswith("_"):  # structlog's own
            event_dict[key] = _cut(value, LONGEST_TRACEBACK) if key in {"exception", "stack"} else _reduce(value)
    return event_dict


def _reduce(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _cut(str(value), LONGEST_VALUE)  # also of an enum, whose `repr` would be shown otherwise
        case list() | tuple():
            return [_reduce(item) for item in value]
        case _:
            return _cut(repr(value), LONGEST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _printable(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Escape what would move the cursor, colour the screen or begin a line; tracebacks keep their lines, indented."""
    for key, value in event_dict.items():
        if key in {"exception", "stack"}:
            event_dict[key] = "\n".join(f"    {_escape(line)}" for line in value.split("\n"))
        elif isinstance(value, str):
            event_dict[key] = _escape(value)
    return event_dict


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
