"""Plugins that block, hang or exit: what they cost others (nothing), and how the threads end."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from amqtt.session import Session

from adapter.errors import ConfigurationError
from adapter.identity.gatekeeper import Gatekeeper
from adapter.identity.plugin_set import PluginFailedError, PluginSet
from adapter.identity.questions import Questions
from adapter.identity.threads import PluginThreads, _PluginThread
from adapter.model import Identity
from adapter.reasons import ReasonCode
from tests.support.gate import Lines, answer, config, connect, gatekeeper
from tests.support.plugins import HERE, Blocks, Lifecycle, NeverReturns

SLOW = connect("slow", "x")
QUICK = connect("quick", "x")
LET_IN = Identity("c1", "quick")


@pytest.fixture
def closed_gate() -> Iterator[threading.Event]:
    """`slow` blocks until the test sets it, or ends."""
    Blocks.gate.clear()
    while Blocks.blocked.acquire(blocking=False):
        pass
    yield Blocks.gate
    Blocks.gate.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def block(gate: Gatekeeper) -> asyncio.Task[Identity | ReasonCode]:
    """Ask a question that blocks its thread, and wait until it does."""
    task = asyncio.create_task(answer(gate, SLOW))
    await until(lambda: Blocks.blocked.acquire(blocking=False))
    return task


def plugin_threads() -> int:
    return sum(thread.name.startswith("plugins-") for thread in threading.enumerate())


async def test_a_plugin_that_blocks_holds_up_its_own_connection_only(closed_gate: threading.Event) -> None:
    async with gatekeeper(config({f"{HERE}.Blocks": {}})) as gate:
        blocked = await block(gate)
        assert await asyncio.gather(*(answer(gate, QUICK) for _ in range(100))) == [LET_IN] * 100
        assert not blocked.done()
        closed_gate.set()
        assert await blocked == Identity("c1", "slow")


async def test_questions_put_together_with_one_that_blocks_go_to_the_other_thread(closed_gate: threading.Event) -> None:
    async with gatekeeper(config({f"{HERE}.Blocks": {}})) as gate:
        tasks = [asyncio.create_task(answer(gate, packet)) for packet in [SLOW, *[QUICK] * 20]]
        assert await asyncio.gather(*tasks[1:]) == [LET_IN] * 20
        assert not tasks[0].done()
        closed_gate.set()
        assert await tasks[0] == Identity("c1", "slow")


def test_a_thread_takes_no_question_before_the_last_one_had_its_first_step() -> None:
    questions = Questions(10)
    waiting: list[int] = []

    async def look(_: PluginSet) -> None:
        waiting.append(len(questions))

    thread = _PluginThread(0, {}, questions.take)
    thread._plugins = cast("PluginSet", object())
    put = [questions.put(look) for _ in range(3)]
    for _ in put:
        thread._woken = False  # as if the thread were about to look, but has not yet
        thread.wake()
    while not all(question.answer.done() for question in put):
        thread._loop.run_until_complete(asyncio.sleep(0))
    thread._loop.close()
    assert waiting == [2, 1, 0]


async def test_when_every_thread_is_blocked_a_device_is_refused_after_the_timeout_and_told_why(
    closed_gate: threading.Event,
) -> None:
    log = Lines()
    async with gatekeeper(config({f"{HERE}.Blocks": {}}, threads=1, timeout=0.3), log) as gate:
        blocked = await block(gate)
        assert await answer(gate, QUICK) == ReasonCode.SERVER_UNAVAILABLE
        assert await blocked == ReasonCode.SERVER_UNAVAILABLE
        closed_gate.set()
        assert await answer(gate, QUICK) == LET_IN
    told = sorted(fields["error"] for _, fields in log.lines)
    assert told[0] == "no answer within 0.3 s"
    assert told[1].startswith("no plugin thread was free for 0.")
    assert told[1].endswith("s; ADAPTER_AUTH__THREADS sets their number")
    assert len(told) == 2


async def test_a_plugin_that_never_returns_is_cancelled_after_the_timeout() -> None:
    NeverReturns.cancelled.clear()
    async with gatekeeper(config({f"{HERE}.NeverReturns": {}}, timeout=0.05)) as gate:
        assert await answer(gate, SLOW) == ReasonCode.SERVER_UNAVAILABLE
        await until(NeverReturns.cancelled.is_set)


async def test_a_caller_that_is_cancelled_cancels_the_plugin() -> None:
    NeverReturns.cancelled.clear()
    async with gatekeeper(config({f"{HERE}.NeverReturns": {}})) as gate:
        task = asyncio.create_task(answer(gate, SLOW))
        await until(lambda: tasks_in(gate) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: tasks_in(gate) == 0)
        assert NeverReturns.cancelled.is_set()


def tasks_in(gate: Gatekeeper) -> int:
    """Count what the plugin threads are working on."""
    assert gate._threads is not None
    return sum(len(thread._tasks) for thread in gate._threads._threads)


async def test_a_caller_that_is_cancelled_while_waiting_leaves_nothing_in_the_queue(
    closed_gate: threading.Event,
) -> None:
    async with gatekeeper(config({f"{HERE}.Blocks": {}}, threads=1)) as gate:
        blocked = await block(gate)
        waiting = asyncio.create_task(answer(gate, QUICK))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert gate._threads is not None
        assert len(gate._threads._questions) == 0
        closed_gate.set()
        assert await blocked == Identity("c1", "slow")


async def test_a_plugin_that_exits_refuses_its_question_and_the_thread_goes_on() -> None:
    log = Lines()
    async with gatekeeper(config({f"{HERE}.Exits": {}}, threads=1), log) as gate:
        assert await answer(gate, connect("exit", "x")) == ReasonCode.SERVER_UNAVAILABLE
        assert await answer(gate, QUICK) == LET_IN
    assert [fields["error"] for _, fields in log.lines] == ["Exits raised SystemExit: 3"]


async def test_a_plugins_own_task_that_exits_does_not_end_the_thread() -> None:
    log = Lines()
    async with gatekeeper(config({f"{HERE}.ExitsLater": {}}, threads=1), log) as gate:
        assert await answer(gate, connect("exit", "x")) == Identity("c1", "exit")
        assert [await answer(gate, QUICK) for _ in range(3)] == [LET_IN] * 3
    assert log.lines == [("plugins did not end cleanly", {"error": "a plugin raised SystemExit"})]


async def test_the_plugins_of_every_thread_are_told_of_start_and_stop_in_their_thread() -> None:
    Lifecycle.told.clear()
    async with gatekeeper(config({f"{HERE}.Lifecycle": {}})):
        assert plugin_threads() == 2
    steps = ["pre_start", "post_start", "pre_shutdown", "close"]
    assert {
        name: [what for thread, what in Lifecycle.told if thread == name] for name in ("plugins-0", "plugins-1")
    } == {"plugins-0": steps, "plugins-1": steps}
    await until(lambda: plugin_threads() == 0)


async def test_stop_refuses_what_is_waiting_and_leaves_a_stuck_thread_behind(closed_gate: threading.Event) -> None:
    notes: list[str] = []
    async with running(f"{HERE}.Blocks", notes) as threads:
        session = connected("slow")
        stuck = asyncio.create_task(threads.ask(lambda plugins: plugins.authenticate(session)))
        await until(lambda: Blocks.blocked.acquire(blocking=False))
        waiting = asyncio.create_task(threads.ask(lambda plugins: plugins.authenticate(session)))
        await asyncio.sleep(0)
        began = time.monotonic()
        await threads.stop(0.1)
        assert time.monotonic() - began < 2
        with pytest.raises(PluginFailedError, match="stopping"):
            await waiting
        with pytest.raises(PluginFailedError, match="stopping"):
            await threads.ask(lambda plugins: plugins.authenticate(session))
        assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("plugins-"))
        closed_gate.set()
        assert (await stuck).allowed
    assert notes == ["1 of 1 plugin threads did not end within 0.1 s"]
    await until(lambda: plugin_threads() == 0)


async def test_what_is_being_asked_while_the_adapter_stops_is_refused() -> None:
    async with running(f"{HERE}.NeverReturns", []) as threads:
        session = connected("any")
        asked = asyncio.create_task(threads.ask(lambda plugins: plugins.authenticate(session)))
        await until(lambda: bool(threads._threads[0]._tasks))
        await threads.stop(5)
        with pytest.raises(PluginFailedError, match="withdrawn"):
            await asked


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("CannotClose", "CannotClose raised OSError: already gone"),
        ("ClosesSlowly", "the plugins did not close within 0.05 s"),
    ],
)
async def test_a_plugin_that_cannot_close_is_told_and_ends_nevertheless(plugin: str, said: str) -> None:
    notes: list[str] = []
    async with running(f"{HERE}.{plugin}", notes) as threads:
        await threads.stop(0.1)
        await until(lambda: plugin_threads() == 0)
    assert said in notes


async def test_a_plugin_that_starts_too_slowly_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="did not start within ADAPTER_AUTH__TIMEOUT"):
        async with gatekeeper(config({f"{HERE}.StartsSlowly": {}}, timeout=0.1)):
            pass
    await until(lambda: plugin_threads() == 0)


async def test_a_crowd_waits_longer_than_the_timeout_while_it_is_being_served() -> None:
    """Twenty questions of 20 ms in one thread take longer than 0.2 s, and all are answered."""

    async def slowly(_: PluginSet) -> bool:
        time.sleep(0.02)  # noqa: ASYNC251 - a plugin that blocks
        return True

    async with running(f"{HERE}.Blocks", [], seconds=0.2) as threads:
        assert await asyncio.gather(*(threads.ask(slowly) for _ in range(20))) == [True] * 20


def connected(username: str) -> Session:
    session = Session()
    session.username = username
    return session


@asynccontextmanager
async def running(plugin: str, notes: list[str], seconds: float = 10.0) -> AsyncIterator[PluginThreads]:
    threads = PluginThreads({plugin: {}}, 1, seconds, notes.append)
    try:
        await threads.start()
        yield threads
    finally:
        await threads.stop(0.1)
