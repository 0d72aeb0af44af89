"""Faults of the adapter itself: ended in good order and at once, short of memory, in a clock that jumps."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.faults.device import Kind
from tests.faults.stage import Fault

if TYPE_CHECKING:
    from tests.faults.stage import Stage

FULL_LOAD_SECONDS = 2.0
OUTAGE_SECONDS = 10.0  # devices bear it
TOO_LONG_SECONDS = 20.0  # their pings wait behind what is not read: they give up, come back and send all of it again
ROOM = 250 * 10**6  # bytes of address space that the adapter may take besides what it has when the outage begins
OFFSET = struct.Struct("q")
JUMPS = (50, -50, 0)  # minutes; Kafka refuses records that come from more than an hour ahead
PILED = (Kind(4, window=1000), Kind(5, window=1000), Kind(4, window=1000, qos=(0, 1)))


async def terminated(stage: Stage) -> None:
    stage.full_speed()
    await asyncio.sleep(FULL_LOAD_SECONDS)
    await stage.replace_adapter({})
    await stage.healed()


async def killed(stage: Stage) -> None:
    stage.full_speed()
    await asyncio.sleep(FULL_LOAD_SECONDS)
    await stage.read_figures()
    await stage.aside(stage.adapter.kill)
    await stage.start_another({})
    await stage.healed()


async def outage_with_little_memory(stage: Stage, seconds: float = OUTAGE_SECONDS) -> None:
    adapter = psutil.Process(stage.adapter.process.pid)
    stage.full_speed()
    await asyncio.sleep(FULL_LOAD_SECONDS)
    limit = adapter.memory_info().vms + ROOM
    adapter.rlimit(psutil.RLIMIT_AS, (limit, limit))
    for node in stage.cluster.nodes:
        node.pause()
    await asyncio.sleep(seconds)
    for node in stage.cluster.nodes:
        node.resume()
    await stage.writable()
    await stage.healed()
    await stage.in_sync()


async def outage_that_devices_do_not_bear(stage: Stage) -> None:
    await outage_with_little_memory(stage, TOO_LONG_SECONDS)


async def clock_jumps(stage: Stage) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(OFFSET.size))
        file.flush()
        clock = Path(__file__).parents[1] / "support" / "clock"
        await stage.replace_adapter({}, {"PYTHONPATH": str(clock), "WALL_CLOCK_OFFSET": file.name})
        stage.full_speed()
        for minutes in JUMPS:
            await asyncio.sleep(FULL_LOAD_SECONDS)
            file.seek(0)
            file.write(OFFSET.pack(minutes * 60 * 10**9))
            file.flush()
            await stage.healed()


ADAPTER_FAULTS = (
    Fault("adapter-terminated", terminated),
    Fault("adapter-killed", killed),
    Fault("clock-jumps", clock_jumps),
    Fault("little-memory", outage_with_little_memory, devices=200, kinds=PILED, size=1000, overfills=True),
    Fault("devices-give-up", outage_that_devices_do_not_bear, devices=200, kinds=PILED, size=1000, overfills=True),
)
