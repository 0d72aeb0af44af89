"""Configures logging: one format and one stream for our own lines (structlog) and those of libraries (logging).

No log call ever gets a payload or a secret, so there is nothing to redact. Values that devices choose, such as a client
identifier, are truncated and cannot forge another line: JSON escapes control characters, and on the console we do.
Lines that devices can cause are written through `RateLimitedLog`.
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

# Characters: longer than any client identifier or topic that is readable in a line, shorter than an attack needs.
LONGEST_VALUE = 512
LONGEST_TRACEBACK = 16_384

# At DEBUG aiokafka logs keys and values of records, and amqtt what clients send. So only our own lines go below this.
LIBRARY_LEVEL = logging.WARNING
OWN = "adapter"


def configure_logs(level: str, format_: str, stream: TextIO | None = None) -> None:
    """Log `level` (`debug`, `info`, `warning`, `error`) and above as `format_` (`json`, `console`).

    `stream` defaults to standard error. May be called again; the last call applies.
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
    handler.setLevel(own_level)  # a library may have set a lower level on its own logger
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
        # The default formatter prints the local variables of every frame, which include payloads and secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_printable, console]


def _plain(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Reduce every value to plain, short data, so that renderers need not guess."""
    for key, value in event_dict.items():
        if not key.startswith("_"):  # structlog's own
            event_dict[key] = _cut(value, LONGEST_TRACEBACK) if key in {"exception", "stack"} else _reduce(value)
    return event_dict


def _reduce(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _cut(str(value), LONGEST_VALUE)  # `str` of an enum, instead of its `repr`
        case list() | tuple():
            return [_reduce(item) for item in value]
        case _:
            return _cut(repr(value), LONGEST_VALUE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _printable(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """Escape characters that would move the cursor, colour text or start a line; tracebacks keep their lines."""
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
