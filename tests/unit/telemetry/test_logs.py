"""`adapter.telemetry.logs`: one format for all lines, and no device can write one of its own."""

from __future__ import annotations

import io
import json
import logging
import warnings
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from adapter.telemetry.logs import LONGEST_VALUE, configure_logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what `configure_logs` does to the process."""
    root, own = logging.getLogger(), logging.getLogger("adapter")
    handlers, level, own_level = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def configured(format_: str, level: str = "info") -> io.StringIO:
    """Write to a text that can be looked at."""
    stream = io.StringIO()
    configure_logs(level, format_, stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# -- what a line holds -------------------------------------------------------------------------------------------------


def test_a_line_has_time_level_logger_event_and_its_fields() -> None:
    stream = configured("json")
    structlog.get_logger("adapter.service").info("listening", port=1883, hosts=["a", "b"], tls=None)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "adapter.service",
        "event": "listening",
        "port": 1883,
        "hosts": ["a", "b"],
        "tls": None,
    }


def test_lines_of_libraries_have_the_same_form() -> None:
    stream = configured("json")
    logging.getLogger("asyncio").error("Task %s failed", "x", exc_info=ValueError("why"))
    (line,) = lines(stream)
    assert (line["level"], line["logger"], line["event"]) == ("error", "asyncio", "Task x failed")
    assert line["exception"].endswith("ValueError: why")


def test_warnings_of_python_become_lines() -> None:
    stream = configured("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"


def test_the_console_writes_a_line_for_people() -> None:
    stream = configured("console")
    structlog.get_logger("adapter.service").warning("not ready", reason="Kafka cannot be reached")
    (line,) = stream.getvalue().splitlines()
    assert "not ready" in line
    assert "reason='Kafka cannot be reached'" in line
    assert "\x1b" not in line, "colours are for terminals"


def test_the_last_configuration_counts() -> None:
    first = configured("json")
    second = configured("json")
    structlog.get_logger("adapter").info("once")
    assert (first.getvalue(), len(lines(second))) == ("", 1)


# -- levels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_that_of_the_least_important_line(level: str, written: list[str]) -> None:
    stream = configured("json", level)
    log = structlog.get_logger("adapter.x")
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    assert [line["event"] for line in lines(stream)] == written


@pytest.mark.parametrize("name", ["aiokafka", "aiokafka.producer.sender", "amqtt.broker", "aiohttp.web", "asyncio"])
def test_libraries_never_write_below_warning(name: str) -> None:
    """At DEBUG aiokafka writes the keys and values of records, amqtt what clients send."""
    stream = configured("json", "debug")
    library = logging.getLogger(name)
    assert not library.isEnabledFor(logging.INFO)
    library.debug("key=%s", "secret")
    library.info("key=%s", "secret")
    library.warning("kept")
    assert [line["event"] for line in lines(stream)] == ["kept"]
    stream = configured("json", "error")
    library.warning("not kept")
    library.error("kept")
    assert [line["event"] for line in lines(stream)] == ["kept"]


def test_a_library_that_repeats_itself_is_cut_short() -> None:
    stream = configured("json")
    for number in range(1000):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s", number)
    assert len(lines(stream)) == 10


# -- what devices choose -----------------------------------------------------------------------------------------------

FORGED = 'a\n2026-01-01T00:00:00Z [info     ] forged\r\x1b[2K\x1b[31m\x9b\u2028\u202e\x00"'


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_client_identifier_cannot_forge_a_line(format_: str) -> None:
    """Neither line breaks nor escape sequences of terminals get through, in any format, from any place of a line."""
    stream = configured(format_)
    log = structlog.get_logger("adapter.mqtt")
    log.warning("connection refused", client_id=FORGED)
    log.warning(FORGED)
    log.warning("list", topics=[FORGED], other=(FORGED,), mapping={FORGED: FORGED}, raw=FORGED.encode())
    logging.getLogger("amqtt").warning("client %s left", FORGED)
    text = stream.getvalue()
    assert len(text.split("\n")) == 4 + 1
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("format_", ["json", "console"])
@given(text=st.text())
def test_any_text_is_one_printable_line(format_: str, text: str) -> None:
    """Whatever a field holds, the line stays one line of printable characters."""
    stream = configured(format_)
    structlog.get_logger("adapter.x").info("e", value=text)
    line, end = stream.getvalue().split("\n")
    assert (line.isprintable(), end) == (True, "")


def test_an_exception_cannot_forge_a_line_on_the_console() -> None:
    """The lines of a traceback are indented, so none looks like the beginning of another."""
    stream = configured("console")
    log = structlog.get_logger("adapter.x")
    log.error("failed", exc_info=ValueError(FORGED))
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert "failed" in first
    assert rest
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_does_not_show_local_variables(format_: str) -> None:
    """They may be payloads and passwords."""
    stream = configured(format_)
    log = structlog.get_logger("adapter.x")

    def fail(password: str) -> None:
        raise ValueError(len(password))

    try:
        fail("hunter" + str(2))
    except ValueError:
        log.exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_long_values_are_cut() -> None:
    stream = configured("json")
    structlog.get_logger("adapter.x").info("e" * 10_000, topic="t" * 10_000, raw=b"r" * 10_000, many=["m" * 10_000])
    (line,) = lines(stream)
    assert line["topic"] == "t" * LONGEST_VALUE + "… (10000 characters)"
    assert len(stream.getvalue()) < 5 * LONGEST_VALUE


def test_values_are_written_as_plain_data() -> None:
    class Cause(StrEnum):
        KEEP_ALIVE = "keep_alive"

    stream = configured("json")
    structlog.get_logger("adapter.x").info("e", cause=Cause.KEEP_ALIVE, error=ValueError("why"), ok=True, n=1.5)
    (line,) = lines(stream)
    assert (line["cause"], line["error"], line["ok"], line["n"]) == ("keep_alive", "ValueError('why')", True, 1.5)
