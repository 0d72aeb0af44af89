"""Threads in which plugins may block, so that the event loop that carries messages never does.

    caller (main loop) ── question ──▶ one queue ──▶ whichever thread is free ── answer ──▶ caller

Every thread has its own event loop and PluginSet. Questions are not assigned to threads: a thread takes one, and looks
for the next only after the first step of the last. So a thread that is blocked by `time.sleep` or a password hash takes
none, and the others take what is waiting. A plugin that awaits, such as the HTTP plugin, blocks no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

from adapter.identity.plugin_set import PluginFailedError, PluginSet
from adapter.identity.questions import Question, Questions

Answer = TypeVar("Answer")
Notify = Callable[[str], None]


class PluginThreads:
    """The threads and the queue in front of them. Used only from the loop that starts it."""

    def __init__(self, configs: dict[str, dict[str, Any]], count: int, timeout: float, notify: Notify) -> None:
        """Create `count` threads. `timeout` is in seconds; `notify` is told what went wrong while stopping."""
        self._questions = Questions(timeout)
        self._timeout = timeout
        self._notify = notify
        self._stopped = False
        self._threads = [_PluginThread(number, configs, self._questions.take) for number in range(count)]

    async def start(self) -> None:
        """Start the threads and their plugins. Raises ConfigurationError, or TimeoutError after the timeout."""
        for thread in self._threads:
            # One after another: they load the same plugins, so the first one finds any mistake.
            await asyncio.wait_for(asyncio.wrap_future(thread.start()), self._timeout)

    async def ask(self, ask: Callable[[PluginSet], Awaitable[Answer]], origin: Hashable = None) -> Answer:
        """Let a thread answer. Raises PluginFailedError, also if there is no answer in time."""
        if self._stopped:
            raise PluginFailedError("the adapter is stopping")
        question = self._questions.put(ask, origin)
        for thread in self._threads:
            thread.wake()
        answer = asyncio.wrap_future(question.answer)
        try:
            while not answer.done():
                left = self._questions.seconds_left(question)
                if left <= 0:
                    raise PluginFailedError(self._questions.why_too_slow(question))
                await asyncio.wait((answer,), timeout=left)
            result: Answer = answer.result()
            return result
        finally:
            if not answer.done():
                answer.cancel()
                self._questions.withdraw(question)

    async def stop(self, limit: float) -> None:
        """Close the plugins and end the threads, within `limit` seconds. May be called again.

        A thread that is stuck is abandoned: it is a daemon, and ends with the process.
        """
        if self._stopped:
            return
        self._stopped = True
        self._questions.refuse_all("the adapter is stopping")
        # The plugins get half of the time, so that a thread whose plugins do not close can still end in time.
        ended = {asyncio.wrap_future(thread.stop(limit / 2)) for thread in self._threads}
        done, stuck = await asyncio.wait(ended, timeout=limit)
        for future in done:
            for problem in future.result():
                self._notify(problem)
        if stuck:
            self._notify(f"{len(stuck)} of {len(ended)} plugin threads did not end within {limit:g} s")


class _PluginThread:
    """One thread with its loop. `start`, `wake` and `stop` are called from outside; the rest runs in the thread."""

    def __init__(
        self, number: int, configs: dict[str, dict[str, Any]], next_question: Callable[[], Question | None]
    ) -> None:
        self._configs = configs
        self._next_question = next_question
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"plugins-{number}", daemon=True)
        self._plugins: PluginSet | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = False
        self._starting = False
        self._stopping = False
        self._ended: Future[list[str]] = Future()
        self._ended.set_running_or_notify_cancel()  # so that nobody can cancel it
        self._problems: list[str] = []

    # -- from outside --------------------------------------------------------------------------------------------

    def start(self) -> Future[None]:
        """Start the thread. The future is done when the plugins are ready, or has the reason why they are not."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._load(), self._loop)

    def wake(self) -> None:
        """Tell the thread that there is a question."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take)

    def stop(self, limit: float) -> Future[list[str]]:
        """End the thread, within `limit` seconds. The future has what went wrong."""
        if not self._thread.is_alive() and not self._ended.done():  # never started
            self._loop.close()
            self._ended.set_result([])
        elif not self._stopping:
            self._stopping = True
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._begin_end, limit)
        return self._ended

    # -- in the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        running = True
        while running:
            try:
                self._loop.run_forever()
                running = False
            except (SystemExit, KeyboardInterrupt) as error:
                # A task of a plugin called sys.exit(); that must not end the thread.
                self._problems.append(f"a plugin raised {type(error).__name__}")
        self._loop.close()
        self._ended.set_result(self._problems)

    async def _load(self) -> None:
        self._plugins = PluginSet(self._configs)
        await self._plugins.start()

    def _take(self) -> None:
        # Reset before looking into the queue: a question that is put after this line wakes the thread again.
        self._woken = False
        if self._starting:
            return
        question = None if self._stopping else self._next_question()
        if question is None:
            return
        task = self._loop.create_task(self._answer(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        question.begun(lambda: self._cancel(task))
        # Scheduled behind the first step of the task. If that step blocks, the other threads take what is waiting.
        # Until then this thread takes nothing, even if it is woken: it would hold a question that it cannot get to.
        self._starting = True
        self._loop.call_soon(self._started)

    def _started(self) -> None:
        self._starting = False
        self._take()

    def _cancel(self, task: asyncio.Task[None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the task is gone
            self._loop.call_soon_threadsafe(task.cancel)

    async def _answer(self, question: Question) -> None:
        assert self._plugins is not None
        try:
            result = await question.ask(self._plugins)
        except asyncio.CancelledError:
            question.answer.set_exception(PluginFailedError("the question was withdrawn"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            question.answer.set_exception(error)
        else:
            question.answer.set_result(result)

    def _begin_end(self, limit: float) -> None:
        task = self._loop.create_task(self._end(limit))
        task.add_done_callback(lambda _: self._loop.stop())

    async def _end(self, limit: float) -> None:
        """Cancel the questions that are being answered, then close the plugins."""
        end = asyncio.current_task()
        tasks = asyncio.all_tasks() - {end}
        for task in tasks:
            task.cancel()
        try:
            async with asyncio.timeout(limit):
                if tasks:
                    await asyncio.wait(tasks)
                if self._plugins is not None:
                    self._problems += await self._plugins.close()
        except TimeoutError:
            self._problems.append(f"the plugins did not close within {limit:g} s")
        await self._loop.shutdown_asyncgens()
