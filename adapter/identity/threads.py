"""Threads in which plugins may block, so that the event loop that carries messages never does.

    asker (main loop) ── question ──▶ one queue ──▶ whichever thread is free ── answer ──▶ asker

Every thread has an event loop and a PluginSet of its own. A question is not given to a thread, a thread takes it, and
looks for the next one only after the first step of the last: one that is blocked by `time.sleep` or a password hash
takes none, and what is waiting goes to the others. A plugin that awaits, such as the HTTP one, holds up no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from adapter.identity.plugin_set import PluginFailedError, PluginSet

Answer = TypeVar("Answer")
Ask = Callable[[PluginSet], Awaitable[Any]]
Notify = Callable[[str], None]

# Far more than devices that wait for their CONNACK at once; at 19 ms a password, the last one waits for minutes anyway.
MOST_WAITING = 10_000


class _Question:
    """`taken_at` is None until a thread has taken it; times are of `time.monotonic`."""

    __slots__ = ("answer", "ask", "put_at", "taken_at", "withdraw")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answer: Future[Any] = Future()
        self.put_at = time.monotonic()
        self.taken_at: float | None = None
        self.withdraw: Callable[[], None] | None = None  # ends the work on it; set by the thread that took it


class PluginThreads:
    """The threads and the queue before them. Used from the loop that starts it."""

    def __init__(self, configs: dict[str, dict[str, Any]], count: int, timeout: float, notify: Notify) -> None:
        """Make `count` threads. `timeout` is in seconds; `notify` gets what went wrong at the end, for people."""
        self._questions: deque[_Question] = deque()
        self._timeout = timeout
        self._notify = notify
        self._last_taken = 0.0
        self._stopped = False
        self._threads = [_PluginThread(number, configs, self._next_question) for number in range(count)]

    async def start(self) -> None:
        """Start the threads and their plugins. Raises ConfigurationError, or TimeoutError after the timeout."""
        for thread in self._threads:
            # One after another: they load the same plugins, so the first one finds what is wrong.
            await asyncio.wait_for(asyncio.wrap_future(thread.start()), self._timeout)

    async def ask(self, ask: Callable[[PluginSet], Awaitable[Answer]]) -> Answer:
        """Have a thread answer. Raises PluginFailedError.

        The time limit counts from when a thread has taken the question. Before, in a crowd, it may wait for longer, as
        long as the threads go on taking questions: a fleet that reconnects at once is served, not sent away.
        """
        if self._stopped:
            raise PluginFailedError("the adapter is stopping")
        if len(self._questions) >= MOST_WAITING:
            raise PluginFailedError(f"{MOST_WAITING} questions are waiting for the plugins")
        question = _Question(ask)
        self._questions.append(question)
        for thread in self._threads:
            thread.wake()
        answer = asyncio.wrap_future(question.answer)
        try:
            while not answer.done():
                since = question.taken_at or max(question.put_at, self._last_taken)
                left = since + self._timeout - time.monotonic()
                if left <= 0:
                    raise PluginFailedError(self._too_slow(question))
                await asyncio.wait((answer,), timeout=left)
            result: Answer = answer.result()
            return result
        finally:
            if not answer.done():
                answer.cancel()
                self._withdraw(question)

    def _too_slow(self, question: _Question) -> str:
        if question.taken_at is None:
            return f"every plugin thread has been busy for {self._timeout:g} s; ADAPTER_AUTH__THREADS sets their number"
        return f"no answer within {self._timeout:g} s"

    def _withdraw(self, question: _Question) -> None:
        if question.withdraw is not None:
            question.withdraw()
        else:
            with contextlib.suppress(ValueError):  # a thread is just taking it, and will find it cancelled
                self._questions.remove(question)

    def _next_question(self) -> _Question | None:
        """Take a question that somebody still waits for; called by the threads."""
        while self._questions:
            try:
                question = self._questions.popleft()
            except IndexError:  # another thread was faster
                return None
            if question.answer.set_running_or_notify_cancel():
                question.taken_at = self._last_taken = time.monotonic()
                return question
        return None

    async def stop(self, limit: float) -> None:
        """Close the plugins and end the threads, within `limit` seconds; a thread that is stuck is left behind.

        Then nothing is lost but that thread: it is a daemon, and ends with the process. May be called again.
        """
        if self._stopped:
            return
        self._stopped = True
        while (question := self._next_question()) is not None:
            question.answer.set_exception(PluginFailedError("the adapter is stopping"))
        # Half of the time for the plugins, so that a thread whose plugins do not close is still seen to end.
        ended = {asyncio.wrap_future(thread.stop(limit / 2)) for thread in self._threads}
        done, stuck = await asyncio.wait(ended, timeout=limit)
        for future in done:
            for problem in future.result():
                self._notify(problem)
        if stuck:
            self._notify(f"{len(stuck)} of {len(ended)} plugin threads did not end within {limit:g} s")


class _PluginThread:
    """One thread with its loop. `wake`, `start` and `stop` are called from outside, all the rest runs in the thread."""

    def __init__(
        self, number: int, configs: dict[str, dict[str, Any]], next_question: Callable[[], _Question | None]
    ) -> None:
        self._configs = configs
        self._next_question = next_question
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"plugins-{number}", daemon=True)
        self._plugins: PluginSet | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = False
        self._stopping = False
        self._ended: Future[list[str]] = Future()
        self._ended.set_running_or_notify_cancel()  # nobody who waits for it can cancel it
        self._problems: list[str] = []

    # -- from outside --------------------------------------------------------------------------------------------

    def start(self) -> Future[None]:
        """Begin; the future tells when the plugins are ready, or why they are not."""
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._load(), self._loop)

    def wake(self) -> None:
        """Say that there is a question."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take)

    def stop(self, limit: float) -> Future[list[str]]:
        """End; the future has what the plugins could not close."""
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
                # A plugin's task called sys.exit(): that is its fault, not the end of the thread.
                self._problems.append(f"a plugin raised {type(error).__name__}")
        self._loop.close()
        self._ended.set_result(self._problems)

    async def _load(self) -> None:
        self._plugins = PluginSet(self._configs)
        await self._plugins.start()

    def _take(self) -> None:
        # Before looking: a question that is put after this line wakes the thread again.
        self._woken = False
        question = None if self._stopping else self._next_question()
        if question is None:
            return
        task = self._loop.create_task(self._answer(question))
        question.withdraw = lambda: self._cancel(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Behind the task's first step: if that blocks, the other threads take what is waiting.
        self._loop.call_soon(self._take)

    def _cancel(self, task: asyncio.Task[None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the task with it
            self._loop.call_soon_threadsafe(task.cancel)

    async def _answer(self, question: _Question) -> None:
        assert self._plugins is not None  # noqa: S101 - questions are put after `start`
        try:
            result = await question.ask(self._plugins)
        except asyncio.CancelledError:
            question.answer.set_exception(PluginFailedError("the question was withdrawn"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the asker
            question.answer.set_exception(error)
        else:
            question.answer.set_result(result)

    def _begin_end(self, limit: float) -> None:
        task = self._loop.create_task(self._end(limit))
        task.add_done_callback(lambda _: self._loop.stop())

    async def _end(self, limit: float) -> None:
        """Withdraw what is being answered, then close the plugins."""
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
