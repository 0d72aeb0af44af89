"""Background tasks: none is forgotten, none fails unseen."""

from __future__ import annotations

import asyncio

from adapter.tasks import Tasks


async def fail() -> None:
    raise ValueError("of a task")


async def test_what_a_task_raises_is_told_and_the_others_go_on() -> None:
    faults: list[BaseException] = []
    tasks = Tasks(faults.append)
    other = tasks.spawn(asyncio.sleep(60))
    await asyncio.wait([tasks.spawn(fail())])
    assert [repr(fault) for fault in faults] == ["ValueError('of a task')"]
    assert list(tasks) == [other]
    await tasks.stop()


async def test_a_stop_waits_for_the_end_of_all_tasks_and_cancelling_is_no_fault() -> None:
    faults: list[BaseException] = []
    tasks = Tasks(faults.append)
    running = [tasks.spawn(asyncio.sleep(60)) for _ in range(3)]
    await tasks.stop()
    assert [task.cancelled() for task in running] == [True] * 3
    assert not tasks
    assert faults == []


async def test_a_stop_without_tasks_ends_at_once() -> None:
    await Tasks([].append).stop()
