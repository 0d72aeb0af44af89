"""Background tasks and their owner: no task is forgotten, and none fails unseen. Standard library only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


class Tasks:
    """The running tasks of one owner. `on_fault` gets whatever one of them raises; being cancelled is no fault."""

    def __init__(self, on_fault: Callable[[BaseException], None]) -> None:
        self._on_fault = on_fault
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        """Those that are running."""
        return iter(self._running)

    def __bool__(self) -> bool:
        """Whether any is running."""
        return bool(self._running)

    async def stop(self) -> None:
        """Cancel all, and wait for their end."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            fault = task.exception()
            if fault is not None:
                self._on_fault(fault)
