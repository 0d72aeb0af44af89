"""`adapter.telemetry.rate_limit`: a fleet that misbehaves fills no disk, and nothing is left out in silence."""

from __future__ import annotations

import logging
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from adapter.telemetry.rate_limit import MAX_EVENTS, Allowance, RateLimitedLog, RepeatFilter


class FakeLogger:
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None:
        """Keep it."""
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Keep it."""
        self.lines.append(("warning", event, fields))


class Clock:
    """Virtual seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_event_is_written_so_many_times_a_minute_and_then_says_how_many_were_not() -> None:
    logger, clock = FakeLogger(), Clock()
    log = RateLimitedLog(logger, burst=2, interval=60.0, clock=clock)
    for number in range(5):
        log.warning("refused", n=number)
    clock.now = 59.9
    log.warning("refused", n=5)
    clock.now = 60.0
    log.warning("refused", n=6)
    log.warning("refused", n=7)
    assert logger.lines == [
        ("warning", "refused", {"n": 0}),
        ("warning", "refused", {"n": 1}),
        ("warning", "refused", {"n": 6, "suppressed": 4}),
        ("warning", "refused", {"n": 7}),
    ]


def test_one_event_does_not_silence_another() -> None:
    logger = FakeLogger()
    log = RateLimitedLog(logger, burst=1, clock=Clock())
    log.warning("refused")
    log.warning("refused")
    log.info("closed", cause="keep_alive")
    assert [line[:2] for line in logger.lines] == [("warning", "refused"), ("info", "closed")]


def test_the_memory_is_bounded_however_many_names_there_are() -> None:
    """Names beyond the limit share one allowance."""
    logger = FakeLogger()
    log = RateLimitedLog(logger, burst=1, clock=Clock())
    for number in range(MAX_EVENTS * 10):
        name = f"event {number}"
        log.warning(name)
    assert len(logger.lines) == MAX_EVENTS + 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=200), st.integers(1, 5))
def test_every_line_is_written_or_counted(calls: list[tuple[str, int]], burst: int) -> None:
    """Written + told as left out + still to be told = asked for, and never more than `burst` in an interval."""
    clock = Clock()
    allowance = Allowance(burst, 60.0, clock)
    written: dict[str, list[float]] = {}
    told: Counter[str] = Counter()
    for name, pause in calls:
        clock.now += pause
        left_out = allowance.take(name)
        if left_out is not None:
            written.setdefault(name, []).append(clock.now)
            told[name] += left_out
    clock.now += 60.0
    for name, count in Counter(name for name, _ in calls).items():
        rest = allowance.take(name)
        assert rest is not None
        assert count == len(written[name]) + told[name] + rest
        for first, after in zip(written[name], written[name][burst * 2 :], strict=False):
            assert after - first >= 60.0  # two windows can touch, three cannot


def record(name: str, message: str, *args: object, line: int = 1) -> logging.LogRecord:
    """Make what a library logs."""
    return logging.LogRecord(name, logging.ERROR, "file.py", line, message, args, None)


def test_lines_of_libraries_are_limited_by_their_text_and_ours_are_not() -> None:
    clock = Clock()
    repeats = RepeatFilter(except_for="adapter", burst=1, interval=60.0, clock=clock)
    assert repeats.filter(record("aiokafka.conn", "no %s", "a"))
    assert not repeats.filter(record("aiokafka.conn", "no %s", "b"))
    assert repeats.filter(record("aiokafka.conn", "other %s", "b"))
    assert all(repeats.filter(record("adapter.kafka", "no %s", "a")) for _ in range(3))
    clock.now = 60.0
    last = record("aiokafka.conn", "no %s", "c")
    assert repeats.filter(last)
    assert last.getMessage() == "no c [1 more like this were suppressed]"


def test_what_a_peer_makes_a_library_write_is_one_kind_of_line_whatever_is_filled_in() -> None:
    repeats = RepeatFilter(except_for="adapter", burst=1, clock=Clock())
    for number in range(MAX_EVENTS * 2):
        text = f"Fatal error on transport TCPTransport\nprotocol: <Connection object at {number:#x}>"
        assert repeats.filter(record("asyncio", text)) is (number == 0)
        assert repeats.filter(record("asyncio", f"Exception in callback {number}()")) is (number == 0)
        assert repeats.filter(record("amqtt.plugins", f"no such user {number}", line=7)) is (number == 0)
    assert repeats.filter(record("asyncio", "Task exception was never retrieved")), "there is room for other lines"
    assert repeats.filter(record("amqtt.plugins", "no such file", line=8))
