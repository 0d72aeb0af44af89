"""Devices of all kinds together, at full speed or at a pace."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.faults.device import KINDS, UNLIMITED, Device, Kind
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TURN_SECONDS = 0.02


class Fleet:
    """`pace` is in messages a second, all devices together; None: as fast as windows allow."""

    def __init__(
        self, tenant: str, port: Callable[[], int], count: int, kinds: Sequence[Kind] = KINDS, size: int = 64
    ) -> None:
        self.devices = [
            Device(f"d{number}", f"telemetry/{tenant}/d{number}", kinds[number % len(kinds)], port, size)
            for number in range(count)
        ]
        self.pace: float | None = None
        self._stopped = False
        self._turning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect all, and publish."""
        self._turning = asyncio.get_running_loop().create_task(self._turn())
        for number, device in enumerate(self.devices):
            device.start()
            if number % 100 == 99:
                await asyncio.sleep(0.05)
        await until(lambda: all(device.connected or device.acked for device in self.devices), 60)

    async def _turn(self) -> None:
        """Hand out what the pace allows; a device that could not use its share does not save it up."""
        before = time.monotonic()
        while True:
            now = time.monotonic()
            share = 0.0 if self.pace is None else self.pace * (now - before) / len(self.devices)
            before = now
            for device in self.devices:
                if self._stopped:
                    device.allowance = 0.0
                elif self.pace is None:
                    device.allowance = UNLIMITED
                else:
                    device.allowance = share + (device.allowance if device.allowance < 1 else 0.0)
                device.publish()
            await asyncio.sleep(TURN_SECONDS)

    @property
    def acked(self) -> int:
        """PUBACKs that devices got."""
        return sum(device.acked for device in self.devices)

    @property
    def unanswered(self) -> int:
        """QoS 1 messages that wait for theirs."""
        return sum(device.unanswered for device in self.devices)

    def watch(self) -> None:
        """Note for every device when it gets its next PUBACK."""
        for device in self.devices:
            device.first_ack = None

    async def quiet(self, within: float) -> None:
        """Publish nothing new, and wait until everything is answered."""
        self._stopped = True
        await until(lambda: not self.unanswered, within)

    def go_on(self) -> None:
        """Publish again after `quiet`."""
        self._stopped = False

    async def stop(self) -> None:
        """Disconnect all."""
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
        await asyncio.gather(*(device.stop() for device in self.devices))
