"""The queue in front of the plugin threads: which question is taken next, how many may wait, and for how long.

Addresses take turns, of devices or of somebody who tries passwords; devices that ask about topics, too. Of one origin
questions are taken in order of arrival, but under overload the latest comes first. Devices that get no CONNACK give up
after a while and connect again; an attentive one is noticed when it closes, one that has lost its network is not. If
more arrive than can be answered before they give up, taking them in order would for ever answer only devices that have
gone. The device of the latest question is still there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
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

    __slots__ = ("answer", "ask", "cancel", "origin", "put_at", "taken_at", "withdrawn")

    def __init__(self, ask: Ask, put_at: float, origin: Hashable) -> None:
        self.ask = ask
        self.origin = origin
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
        self._lock = threading.Lock()  # for the next two
        self._lines: dict[Hashable, deque[Question]] = {}  # by origin; the one whose turn is next comes first
        self._count = 0
        self._last_taken = float("-inf")

    def __len__(self) -> int:
        """Return the number of waiting questions."""
        return self._count

    def put(self, ask: Ask, origin: Hashable = None) -> Question:
        """Add a question. If too many wait, the one is refused that has waited longest for the origin with the most."""
        question = Question(ask, self._clock(), origin)
        with self._lock:
            if self._count >= MAX_WAITING:
                longest = max(self._lines.values(), key=len)
                _refuse(longest[0], f"{MAX_WAITING} others wait for the plugins")
                self._remove(longest[0])
            self._lines.setdefault(origin, deque()).append(question)
            self._count += 1
        return question

    def take(self) -> Question | None:
        """Take a question that somebody still waits for; None if there is none."""
        with self._lock:
            while self._lines:
                origin, line = next(iter(self._lines.items()))
                overloaded = self._clock() - line[0].put_at > OVERLOAD_AFTER
                question = line[-1] if overloaded else line[0]
                self._remove(question)
                if question.answer.set_running_or_notify_cancel():
                    if line:  # behind the other origins
                        self._lines[origin] = self._lines.pop(origin)
                    question.taken_at = self._last_taken = self._clock()
                    return question
        return None

    def _remove(self, question: Question) -> None:
        line = self._lines.get(question.origin)
        if line is not None and question in line:
            line.remove(question)
            self._count -= 1
            if not line:
                del self._lines[question.origin]

    def withdraw(self, question: Question) -> None:
        """Remove a question that nobody waits for any more, or cancel the work on it."""
        question.withdrawn = True
        if question.cancel is not None:
            question.cancel()
        else:
            with self._lock:  # a thread may have taken it just now: see `begun`
                self._remove(question)

    def refuse_all(self, why: str) -> None:
        """Answer all waiting questions with a PluginFailedError."""
        with self._lock:
            for line in self._lines.values():
                for question in line:
                    _refuse(question, why)
            self._lines.clear()
            self._count = 0

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
