"""Devices that live through faults, and tell the judge all of it.

They publish a numbered series, come back whenever they lose their connection, and send again what was not answered, in
order and with DUP, before they go on. What a device sends is `name:number` and padding. It has a window of unanswered
QoS 1 messages, and keeps it full, or does as the fleet's pace allows. It pings, and gives up a connection whose pings
are not answered, as real ones do.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from adapter.verify.judge import Story
from tests.support import packets

if TYPE_CHECKING:
    from collections.abc import Callable

CONNACK, PUBACK, PINGRESP, DISCONNECT = 0x20, 0x40, 0xD0, 0xE0
PACKET_IDS = 65_535
FIRST_FAILURE = 0x80
RECONNECT_SECONDS = (0.05, 0.3)
CONNECT_SECONDS = 10.0  # for TCP and the CONNACK
PING_SECONDS = 3.0
DEAF_SECONDS = 15.0  # a PINGREQ without an answer for so long: the connection is given up
MOST_AT_ONCE = 200  # messages that a device writes in one go
UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Kind:
    """What devices there are. `qos` takes turns; a `restless` one drops its connection after so many messages."""

    level: int
    qos: tuple[int, ...] = (1,)
    window: int = 50
    restless: int | None = None


KINDS = (
    Kind(4),
    Kind(5),
    Kind(4, qos=(0, 1)),
    Kind(5, qos=(1, 1, 0)),
    Kind(4, window=200),
    Kind(5, window=1),
    Kind(4, restless=700),
    Kind(5, restless=900, qos=(1, 0, 1)),
)


class Device(asyncio.Protocol):
    """See the module. `port` is asked at every connection, so that it may move to another adapter."""

    def __init__(self, name: str, topic: str, kind: Kind, port: Callable[[], int], size: int = 64) -> None:
        self.name = name
        self.kind = kind
        self.story = Story(name)
        self.allowance = 0.0  # messages that it may publish now
        self.acked = 0
        self.first_ack: float | None = None  # since `watch`, on the monotonic clock
        self.thrown_out = 0  # connections that it did not end itself
        self.gave_up = 0  # connections that it gave up because nothing came
        self._topic = topic
        self._port = port
        self._padding = b"." * size
        self._next = 0
        self._since_connect = 0
        self._owed: dict[int, tuple[int, bytes]] = {}  # packet identifier → number and payload, oldest first
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._open = False
        self._writable = True
        self._heard = 0.0
        self._leaving = False  # it ends the connection itself
        self._life: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and come back until `stop`."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def stop(self) -> None:
        """Disconnect for good."""
        assert self._life is not None, "not started"
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life
        if self._transport is not None:
            self._leaving = True
            self._transport.write(packets.DISCONNECT)
            self._transport.close()

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._gone.clear()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await loop.create_connection(lambda: self, "127.0.0.1", self._port())
            except OSError:
                self._gone.set()
            await self._watch_over()
            await asyncio.sleep(_jitter(*RECONNECT_SECONDS))

    async def _watch_over(self) -> None:
        """Ping until the connection has gone."""
        while not self._gone.is_set():
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._gone.wait()
            except TimeoutError:
                if self._transport is None:
                    break  # it has gone in the same instant
                if time.monotonic() - self._heard > DEAF_SECONDS:
                    self.gave_up += 1
                    self.leave()
                elif self._open:
                    self._transport.write(packets.PINGREQ)

    @property
    def connected(self) -> bool:
        """Whether the adapter has let it in."""
        return self._open

    @property
    def unanswered(self) -> int:
        """QoS 1 messages that wait for their PUBACK."""
        return len(self._owed)

    def leave(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._leaving = True
            self._transport.abort()

    # -- asyncio's calls ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self._buffer = b""
        self._leaving = False
        self._writable = True
        self._heard = time.monotonic()
        # Not clean: it is going to repeat what was not answered. 5.0 needs nothing for that.
        self._transport.write(packets.connect(self.name, level=self.kind.level, clean=False, keep_alive=60))

    def connection_lost(self, _error: Exception | None) -> None:
        self.thrown_out += self._open and not self._leaving
        self._open = False
        self._transport = None
        self._gone.set()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self.publish()

    def data_received(self, data: bytes) -> None:
        now = self._heard = time.monotonic()
        if self._buffer:
            data = self._buffer + data
        position, end, answered = 0, len(data), 0
        while end - position >= 2 and end - position >= 2 + data[position + 1]:
            first, length = data[position], data[position + 1]
            assert length < FIRST_FAILURE, "the adapter sends short packets only"
            if first == PUBACK:
                code = data[position + 4] if length > 2 else 0
                self._answered(data[position + 2] << 8 | data[position + 3], success=code < FIRST_FAILURE)
                answered += 1
            elif first == CONNACK:
                if data[position + 3]:
                    self.leave()
                else:
                    self._begin()
            position += 2 + length
        self._buffer = data[position:]
        if answered:
            self.acked += answered
            if self.first_ack is None:
                self.first_ack = now
            self.publish()

    def _answered(self, packet_id: int, *, success: bool) -> None:
        number, _ = self._owed.pop(packet_id, (-1, b""))
        self.story.answered(number, success=success)

    # -- publishing --------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """First of all, send again what is owed."""
        assert self._transport is not None, "connected"
        self._open = True
        self._since_connect = 0
        self.story.connected()
        again = []
        for packet_id, (number, payload) in self._owed.items():
            self.story.sent(number, 1)
            again.append(packets.publish(self._topic, payload, packet_id=packet_id, level=self.kind.level, dup=True))
        self._transport.write(b"".join(again))
        self.publish()

    def publish(self) -> None:
        """Publish what window, pace and socket allow."""
        if not self._open or not self._writable or self._leaving:
            return
        kind, story, owed = self.kind, self.story, self._owed
        out = []
        for _ in range(MOST_AT_ONCE):
            qos = kind.qos[self._next % len(kind.qos)]
            if self.allowance < 1 or len(owed) >= kind.window:
                break
            number = self._next
            self._next += 1
            self.allowance -= 1
            payload = b"%s:%d:%s" % (self.name.encode(), number, self._padding)
            packet_id = number % PACKET_IDS + 1
            if qos:
                owed[packet_id] = (number, payload)
            story.sent(number, qos)
            out.append(packets.publish(self._topic, payload, qos=qos, packet_id=packet_id, level=kind.level))
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
            self._since_connect += len(out)
            if kind.restless is not None and self._since_connect >= kind.restless:
                # What is in the socket leaves before the connection does, most of the time.
                asyncio.get_running_loop().call_later(_jitter(0, 0.02), self.leave)
                self._since_connect = -PACKET_IDS


def _jitter(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311 - not a secret
