"""The honest devices, in a process of their own: what the attackers do to theirs does not show in these times.

`Honest` is the handle on it. Besides the devices there is one connection that pings all the time: the longest answer is
an upper bound of how long the adapter's event loop was blocked.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import uvloop

from adapter.verify.judge import Story
from tests.faults.device import Kind
from tests.faults.fleet import Fleet
from tests.support import packets

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

KINDS = (Kind(4, window=10), Kind(5, window=10), Kind(4, qos=(0, 1), window=10), Kind(5, window=1))
PING_SECONDS = 0.005
QUIET_SECONDS = 60.0
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """Of one window. Milliseconds; `answers` is how many PUBACKs they are of."""

    answers: int
    p50: float
    p99: float
    ping: float  # the longest
    thrown_out: int  # connections that the adapter ended, or that got no answers, since the beginning


@dataclass(slots=True)
class TimedStory(Story):
    """A Story that knows when."""

    latencies: list[float] = field(default_factory=list)
    _sent_at: dict[int, float] = field(default_factory=dict)

    def sent(self, number: int, qos: int, *, within_session: bool = False) -> None:
        Story.sent(self, number, qos, within_session=within_session)
        if qos:
            self._sent_at[number] = time.monotonic()

    def answered(self, number: int, *, success: bool = True) -> None:
        Story.answered(self, number, success=success)
        sent = self._sent_at.pop(number, None)
        if sent is not None:
            self.latencies.append(time.monotonic() - sent)


async def _ping(port: int, slowest: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(packets.connect("canary", keep_alive=0))
    await reader.readexactly(4)
    while True:
        began = time.monotonic()
        writer.write(packets.PINGREQ)
        await reader.readexactly(2)
        slowest.append(time.monotonic() - began)
        await asyncio.sleep(PING_SECONDS)


async def _live(pipe: Connection, port: int, tenant: str, count: int, pace: float) -> None:
    fleet = Fleet(tenant, lambda: port, count, KINDS)
    for device in fleet.devices:
        device.story = TimedStory(device.name)
    fleet.pace = pace
    await fleet.start()
    slowest: list[float] = []
    pinging = asyncio.get_running_loop().create_task(_ping(port, slowest))
    pipe.send("ready")
    while await asyncio.to_thread(pipe.recv) == "times":
        latencies: list[float] = []
        for device in fleet.devices:
            latencies += device.story.latencies  # type: ignore[attr-defined]
            device.story.latencies.clear()  # type: ignore[attr-defined]
        cuts = quantiles(latencies, n=100) if len(latencies) > 1 else [float("inf")] * 99
        gone = sum(device.thrown_out + device.gave_up for device in fleet.devices) + pinging.done()
        pipe.send(Times(len(latencies), cuts[49] * 1e3, cuts[98] * 1e3, max(slowest, default=float("inf")) * 1e3, gone))
        slowest.clear()
    pinging.cancel()
    await asyncio.gather(pinging, return_exceptions=True)
    await fleet.quiet(QUIET_SECONDS)
    await fleet.stop()
    pipe.send([device.story for device in fleet.devices])


def _main(pipe: Connection, port: int, tenant: str, count: int, pace: float) -> None:
    gc.disable()  # a collection in this process would count as a slow ping
    uvloop.run(_live(pipe, port, tenant, count, pace))


class Honest:
    """`count` devices that publish `pace` messages a second together, until `stop`."""

    def __init__(self, port: int, tenant: str, count: int, pace: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_main, args=(other, port, tenant, count, pace))
        self._process.start()
        other.close()
        assert self._ask(START_SECONDS) == "ready"

    def _ask(self, seconds: float) -> Any:
        assert self._pipe.poll(seconds), "the honest devices do not answer"
        return self._pipe.recv()

    def times(self) -> Times:
        """Since the last time this was asked."""
        self._pipe.send("times")
        times: Times = self._ask(10.0)
        return times

    def stop(self) -> list[Story]:
        """Let all be answered, and disconnect; returns what the devices know."""
        self._pipe.send("stop")
        stories: list[Story] = self._ask(QUIET_SECONDS + 30.0)
        self._process.join(30.0)
        return stories

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
