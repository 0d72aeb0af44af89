"""An asyncio event loop on virtual time: it never waits, it moves its clock to what is due next.

What runs in it belongs to the world or to one process of the adapter; a context variable says to which, and everything
that is scheduled inherits it. So a process can be killed: what it has scheduled is never run.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

WORLD = 0
process_number: contextvars.ContextVar[int] = contextvars.ContextVar("process_number", default=WORLD)
BEGINNING = 1000.0  # seconds
MOST_TURNS_AT_ONE_TIME = 20_000  # more, and the clock would never move again


class StuckError(Exception):
    """Nothing more is going to happen, but somebody waits; or the clock does not move any more."""


class _NoSockets:
    """Stands for the selector: instead of waiting for sockets it moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        self._loop.turned(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """`on_turn` is called after each turn of the loop, `on_fault` with what nobody caught."""

    def __init__(self, on_turn: Callable[[], None], on_fault: Callable[[str], None]) -> None:
        super().__init__()
        self._now = BEGINNING
        self._clock_resolution = 1e-9
        self._selector = _NoSockets(self)
        self._turns = 0
        self._on_turn = on_turn
        self._tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()
        self._killed: list[asyncio.Task[Any]] = []  # they must not be collected before their time
        self.set_task_factory(self._make_task)
        self.set_exception_handler(
            lambda _, told: on_fault(f"{told.get('message')}: {told.get('exception', '')!r}"),
        )

    def time(self) -> float:
        return self._now

    def turned(self, timeout: float | None) -> None:
        self._on_turn()
        if timeout is None:
            raise StuckError("nothing is going to happen any more")
        if timeout > 0:
            self._now += timeout
            self._turns = 0
        else:
            self._turns += 1
            if self._turns > MOST_TURNS_AT_ONE_TIME:
                raise StuckError("the clock does not move any more")

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        context = options.get("context")
        self._tasks[task] = process_number.get() if context is None else context.get(process_number, WORLD)
        return task

    def kill(self, number: int) -> None:
        """Never run anything of that process again."""
        self._killed += self.tasks(number)
        for handle in (*self._scheduled, *self._ready):
            if handle._context is not None and handle._context.get(process_number, WORLD) == number:
                handle.cancel()

    def tasks(self, number: int) -> list[asyncio.Task[Any]]:
        """The tasks of a process that have not ended."""
        return [task for task, owner in list(self._tasks.items()) if owner == number and not task.done()]

    def end(self) -> None:
        """Cancel all that is left, and close."""
        for _ in range(3):
            left = [task for task in list(self._tasks) if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            with contextlib.suppress(StuckError):
                self.run_until_complete(asyncio.wait(left, timeout=60.0))
        self.close()
