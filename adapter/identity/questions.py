"""The queue in front of the plugin threads: which question is taken next, how many may wait, and for how long.

Questions are taken in order of arrival, but under overload the latest comes first. Devices that get no CONNACK give up
after a while and connect again, and while a CONNECT is being decided nobody reads their socket to see them go. If more
arrive than can be answered before they give up, taking them in order would for ever answer only devices that have gone.
The device of the latest question is still there.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from adapter.identity.plugin_set import PluginFailedError, PluginSet

Ask = Callable[[PluginSet], Awaitable[Any]]

# Far more than wait for a CONNACK at once; at 19 ms for each password, the last of them waits for minutes anyway.
MAX_WAITING = 10_000
# Seconds. It is overload if the first in the queue has waited for longer: a hundred passwords take 2 s of one core.
OVERLOAD_AFTER = 2.0
# Seconds, longer than clients wait for a CONNACK (30 s is common): a device that is still there can connect again.
LONGEST_WAIT = 60.0


class Question:
    """A question to the plugins. `taken_at` is None until a thread takes it; times are those of the queue's clock."""

    __slots__ = ("answer", "ask", "cancel", "put_at", "taken_at", "withdrawn")

    def __init__(self, ask: Ask, put_at: float) -> None:
        self.ask = ask
        self.answer: Future[Any] = Future()
        self.put_at = put_at
        self.taken_at: float | None = None
        self.withdrawn = False
        self.cancel: Callable[[], None] | None = None  # ends the work on it; from any thread

    def begun(self, cancel: Callable[[], None]) -> None:
        """Record that work on it has begun, and how to cancel it. Called by the thread that has taken it."""
        # Here `cancel` is set before `withdrawn` is read, and in `withdraw` the other way round. So whichever thread
        # comes second sees what the other has done.
        self.cancel = cancel
        if self.withdrawn:
            cancel()


class Questions:
    """The queue. `take` may be called from any thread, everything else from one loop. `timeout` is in seconds."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout = timeout
        self._clock = clock
        self._waiting: deque[Question] = deque()
        self._last_taken = float("-inf")

    def __len__(self) -> int:
        """Return the number of waiting questions."""
        return len(self._waiting)

    def put(self, ask: Ask) -> Question:
        """Add a question. If the queue is full, the one that has waited longest is refused."""
        if len(self._waiting) >= MAX_WAITING:
            with contextlib.suppress(IndexError):  # the threads have just taken them all
                _refuse(self._waiting.popleft(), f"{MAX_WAITING} others wait for the plugins")
        question = Question(ask, self._clock())
        self._waiting.append(question)
        return question

    def take(self) -> Question | None:
        """Take a question that somebody still waits for; None if there is none."""
        while self._waiting:
            try:
                overloaded = self._clock() - self._waiting[0].put_at > OVERLOAD_AFTER
                question = self._waiting.pop() if overloaded else self._waiting.popleft()
            except IndexError:  # another thread was faster
                return None
            if question.answer.set_running_or_notify_cancel():
                question.taken_at = self._last_taken = self._clock()
                return question
        return None

    def withdraw(self, question: Question) -> None:
        """Remove a question that nobody waits for any more, or cancel the work on it."""
        question.withdrawn = True
        if question.cancel is not None:
            question.cancel()
        else:
            with contextlib.suppress(ValueError):  # a thread is just taking it: see `begun`
                self._waiting.remove(question)

    def refuse_all(self, why: str) -> None:
        """Answer all waiting questions with a PluginFailedError."""
        while self._waiting:
            with contextlib.suppress(IndexError):
                _refuse(self._waiting.popleft(), why)

    def seconds_left(self, question: Question) -> float:
        """Return how much longer the question may remain unanswered.

        The timeout of the plugins starts when a thread takes the question. Before that it may wait for LONGEST_WAIT, as
        long as the threads go on taking questions: a fleet that connects all at once is served, not refused.
        """
        if question.taken_at is not None:
            until = question.taken_at + self._timeout
        else:
            until = min(max(question.put_at, self._last_taken) + self._timeout, question.put_at + LONGEST_WAIT)
        return until - self._clock()

    def why_too_slow(self, question: Question) -> str:
        """Explain to people why there was no answer in time."""
        if question.taken_at is not None:
            return f"no answer within {self._timeout:g} s"
        waited = self._clock() - question.put_at
        return f"no plugin thread was free for {waited:.1f} s; ADAPTER_AUTH__THREADS sets their number"


def _refuse(question: Question, why: str) -> None:
    if question.answer.set_running_or_notify_cancel():
        question.answer.set_exception(PluginFailedError(why))
