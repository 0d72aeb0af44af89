"""Devices on raw sockets that remember everything, and the judge of what became of their messages.

A device publishes a numbered series (payload `name:number`) with a window of unacknowledged messages, and notes each
PUBACK in the order in which it came. `judge` compares that with what Kafka has.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.packets import CONNACK_OK, connect, publish

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.support.records import Record

PUBACK = 0x40
PINGRESP = 0xD0
DISCONNECT = 0xE0
LONG = 0x80


@dataclass
class Device:
    """`acked` has payloads in the order of their PUBACKs; `refused` those that 5.0 got a reason code for."""

    name: str
    topic: str
    level: int = 4
    window: int = 50
    username: str | None = None
    sent: list[tuple[int, bytes]] = field(default_factory=list)  # QoS and payload, in order
    acked: list[bytes] = field(default_factory=list)
    refused: list[tuple[bytes, int]] = field(default_factory=list)
    out_of_order: int = 0
    disconnect_code: int | None = None
    closed: bool = False

    async def connect(self, port: int) -> None:
        """Connect, and wait for the CONNACK."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._waiting: dict[int, bytes] = {}
        self._room = asyncio.Semaphore(self.window)
        self._pongs = asyncio.Event()
        self._packet_id = 0
        self._writer.write(connect(self.name, level=self.level, keep_alive=600))
        head = await self._reader.readexactly(2)
        body = await self._reader.readexactly(head[1])
        assert (head + body)[: len(CONNACK_OK)][3] == 0, head + body
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while True:
                head = await self._reader.readexactly(2)
                length = head[1]
                if length >= LONG:  # a Reason String may need a second byte
                    length += ((await self._reader.readexactly(1))[0] << 7) - LONG
                body = await self._reader.readexactly(length)
                if head[0] == PUBACK:
                    self._puback(int.from_bytes(body[:2], "big"), body[2] if len(body) > 2 else 0)
                elif head[0] == PINGRESP:
                    self._pongs.set()
                elif head[0] == DISCONNECT:
                    self.disconnect_code = body[0]
        except (asyncio.IncompleteReadError, OSError):
            self.closed = True
            for _ in range(self.window):
                self._room.release()

    def _puback(self, packet_id: int, code: int) -> None:
        self.out_of_order += packet_id != next(iter(self._waiting))
        payload = self._waiting.pop(packet_id)
        if code:
            self.refused.append((payload, code))
        else:
            self.acked.append(payload)
        self._room.release()

    async def publish(self, number: int, qos: int = 1, topic: str | None = None, size: int = 0) -> None:
        """Publish one message as soon as the window has room; `size` pads the payload."""
        await self._publish(f"{self.name}:{number}".encode().ljust(size, b"."), qos, topic)
        if number % 20 == 0:
            await self._writer.drain()

    async def publish_bytes(self, payload: bytes) -> None:
        """Publish this payload with QoS 1."""
        await self._publish(payload, 1, None)

    async def _publish(self, payload: bytes, qos: int, topic: str | None) -> None:
        if qos:
            await self._room.acquire()
            if self.closed:
                return
            self._packet_id = self._packet_id % 65_535 + 1
            self._waiting[self._packet_id] = payload
        self.sent.append((qos, payload))
        self._writer.write(publish(topic or self.topic, payload, qos=qos, packet_id=self._packet_id, level=self.level))

    async def series(self, numbers: Iterable[int], qos: Sequence[int] = (1,), topics: Sequence[str] = ()) -> None:
        """Publish these numbers; QoS and topics take turns."""
        for index, number in enumerate(numbers):
            await self.publish(number, qos[index % len(qos)], topics[index % len(topics)] if topics else None)
        await self._writer.drain()

    async def ping(self, timeout: float = 10) -> None:
        """Send a PINGREQ, and wait for the PINGRESP."""
        self._pongs.clear()
        self._writer.write(b"\xc0\x00")
        await asyncio.wait_for(self._pongs.wait(), timeout)

    async def all_acked(self, timeout: float = 60) -> None:
        """Wait until nothing is unacknowledged."""
        async with asyncio.timeout(timeout):
            while self._waiting and not self.closed:
                await asyncio.sleep(0.01)

    async def until_closed(self, timeout: float = 60) -> None:
        """Wait until the adapter closes the connection."""
        await asyncio.wait_for(asyncio.shield(self._listener), timeout)

    async def close(self) -> None:
        """Disconnect."""
        if not self.closed:
            self._writer.write(b"\xe0\x00")
        self._writer.close()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)


@dataclass(frozen=True)
class Verdict:
    """What must be zero, each by itself."""

    lost: int  # acknowledged, and not in Kafka
    reordered: int  # first occurrences of a device in a partition that come after a later one
    duplicates: int
    puback_disorder: int
    strangers: int  # in Kafka, and never sent

    @property
    def good(self) -> bool:
        """Nothing lost, reordered, made up or acknowledged out of turn; duplicates are another matter."""
        return not (self.lost or self.reordered or self.puback_disorder or self.strangers)


def judge(devices: Iterable[Device], records: Iterable[Record]) -> Verdict:
    """Compare what devices know with what Kafka has. Records come partition by partition, in offset order."""
    devices = list(devices)
    number = {payload: index for device in devices for index, (_, payload) in enumerate(device.sent)}
    seen: set[bytes] = set()
    latest: dict[tuple[str, int, bytes | None], int] = {}
    reordered = duplicates = strangers = 0
    for record in records:
        payload = record.value or b""
        if payload not in number:
            strangers += 1
        elif payload in seen:
            duplicates += 1
        else:
            seen.add(payload)
            place = (record.topic, record.partition, record.key)
            reordered += number[payload] < latest.get(place, -1)
            latest[place] = max(latest.get(place, -1), number[payload])
    lost = sum(payload not in seen for device in devices for payload in device.acked)
    return Verdict(lost, reordered, duplicates, sum(device.out_of_order for device in devices), strangers)
