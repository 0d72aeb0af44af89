"""A synthetic device: publishes a numbered series with a window; after a failure it reconnects and resends with DUP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from adapter.errors import AdapterError
from adapter.verify import packets
from adapter.verify.judge import Story

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT_SECONDS = 15.0
KEEP_ALIVE = 60  # seconds; a PINGREQ every quarter of it
RETURN_SECONDS = (0.1, 2.0)  # the first and the longest pause before it reconnects
PACKET_IDS = 65_535


class MqttUnreachableError(AdapterError):
    """No connection, or no CONNACK."""


class MqttRefusedError(AdapterError):
    """The CONNECT was refused."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one device publishes: `count` messages at least `pause` seconds apart, cycling through `qos`.

    It begins with one message in flight, until `checks` PUBACKs or PUBRECs are checked, each before the next message.
    """

    host: str
    port: int
    name: str
    topic: str
    level: int
    count: int
    window: int
    qos: tuple[int, ...]
    pause: float
    checks: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class Witness(Protocol):
    """Who makes the payloads and checks the PUBACKs."""

    def payload(self, device: str, number: int) -> bytes:
        """Return the payload of a message."""

    def acknowledged(self, device: str, number: int) -> None:
        """Take note of a PUBACK that reports success."""

    async def check(self, device: str, number: int) -> bool:
        """Check the PUBACK that just came; return whether that was possible."""


class Publisher:
    """One device. Until `at_will` is set, it sends nothing but the messages whose PUBACKs are checked."""

    def __init__(self, series: Series, witness: Witness, at_will: asyncio.Event) -> None:
        self.series = series
        self.story = Story(series.name)
        self.latencies: list[float] = []  # seconds from the first PUBLISH to its PUBACK or PUBREC
        self.returns = 0
        self.codes: dict[
            int, int
        ] = {}  # reason code of 0x80 or more → number of PUBACKs, PUBRECs and DISCONNECTs with it
        self._witness = witness
        self._at_will = at_will
        self._checks_left = series.checks
        self._next = 1
        self._sent_at: dict[int, float] = {}
        self._owed: dict[int, int] = {}  # packet identifier → number, on this connection
        self._unreleased: set[int] = set()  # packet identifiers with a PUBREC and no PUBCOMP, on this connection
        self._changed = asyncio.Event()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._window = series.window

    @property
    def done(self) -> bool:
        """Whether every message is published and answered."""
        return self._next > self.series.count and not self.story.unanswered

    @property
    def checking(self) -> bool:
        """Whether it has PUBACKs to check before it publishes at will."""
        return self._checks_left > 0 and self._next <= self.series.count

    async def run(self) -> None:
        """Publish the series. Raises MqttUnreachableError or MqttRefusedError if the first connection fails."""
        pause, longest = RETURN_SECONDS
        await self._connect()
        while True:
            try:
                await self._connected()
            except (OSError, EOFError, asyncio.IncompleteReadError):
                if self.done:
                    return
            else:
                return
            finally:
                self._writer.close()
            self.returns += 1
            while True:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                try:
                    await self._connect()
                except (MqttUnreachableError, MqttRefusedError):
                    pause = min(pause * 2, longest)
                else:
                    pause = RETURN_SECONDS[0]
                    break

    async def _connect(self) -> None:
        series = self.series
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._reader, self._writer = await asyncio.open_connection(series.host, series.port)
                self._writer.write(
                    packets.connect(series.name, series.level, KEEP_ALIVE, series.username, series.password)
                )
                kind, body = await self._packet()
        except (OSError, EOFError) as error:
            where = f"{series.host}:{series.port}"
            raise MqttUnreachableError(f"no MQTT server at {where}: {str(error) or type(error).__name__}") from error
        if kind != packets.CONNACK:
            raise MqttUnreachableError(f"the server answered a CONNECT with packet type {kind}")
        if body[1]:
            self._writer.close()
            why = packets.name_of(body[1], series.level)
            raise MqttRefusedError(f"the CONNECT of {series.username or series.name} was refused: {why}")
        self._window = min(series.window, packets.receive_maximum(body, series.level))

    async def _connected(self) -> None:
        """Resend unanswered messages, then continue. Raises OSError or EOFError when the connection breaks."""
        self.story.connected()
        again = self.story.unanswered
        self._owed.clear()
        self._unreleased.clear()
        tasks = [asyncio.create_task(job) for job in (self._listen(), self._ping(), self._publish(again))]
        listening, _, publishing = tasks
        try:
            await asyncio.wait((listening, publishing), return_when=asyncio.FIRST_COMPLETED)
            for task in (listening, publishing):
                if task.done():
                    task.result()
            self._writer.write(packets.DISCONNECT)
            await self._writer.drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(self, again: list[int]) -> None:
        series = self.series
        for number in again:
            await self._send(number, self.story.published[number], dup=True)
        while self._next <= series.count:
            number = self._next
            checked = self.checking and not self._at_will.is_set()
            if not checked:
                await self._at_will.wait()
            await self._send(number, series.qos[(number - 1) % len(series.qos)], dup=False)
            if checked:
                await self._wait_until(lambda: not self._owed)
                if number in self.story.acknowledged:
                    self._checks_left -= await self._witness.check(series.name, number)
            if series.pause:
                await asyncio.sleep(series.pause)
        await self._wait_until(lambda: not self._owed and not self._unreleased)

    async def _send(self, number: int, qos: int, *, dup: bool) -> None:
        if qos:
            await self._wait_until(lambda: len(self._owed) + len(self._unreleased) < self._window)
            self._owed[_packet_id(number)] = number
        self._next = max(self._next, number + 1)
        self.story.sent(number, qos)
        self._sent_at.setdefault(number, asyncio.get_running_loop().time())
        series = self.series
        self._writer.write(
            packets.publish(
                series.topic, self._witness.payload(series.name, number), qos, _packet_id(number), series.level, dup=dup
            )
        )
        await self._writer.drain()

    async def _wait_until(self, what: Callable[[], bool]) -> None:
        while not what():
            self._changed.clear()
            await self._changed.wait()

    async def _listen(self) -> None:
        while True:
            kind, body = await self._packet()
            code = body[2] if len(body) > 2 else 0  # noqa: PLR2004 - behind the packet identifier
            packet_id = int.from_bytes(body[:2], "big")
            if kind == packets.PUBREC and code < packets.FAILED:
                self._unreleased.add(packet_id)
                self._writer.write(packets.pubrel(packet_id))
            if kind in {packets.PUBACK, packets.PUBREC}:
                self._answered(self._owed.pop(packet_id, 0), code)
            elif kind == packets.PUBCOMP:
                self._unreleased.discard(packet_id)
                self._changed.set()
            elif kind == packets.DISCONNECT_TYPE and body:
                self.codes[body[0]] = self.codes.get(body[0], 0) + 1

    def _answered(self, number: int, code: int) -> None:
        success = code < packets.FAILED
        self.story.answered(number, success=success)
        self._changed.set()
        if not success:
            self.codes[code] = self.codes.get(code, 0) + 1
        elif number in self._sent_at:
            self.latencies.append(asyncio.get_running_loop().time() - self._sent_at.pop(number))
            self._witness.acknowledged(self.series.name, number)

    async def _ping(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(KEEP_ALIVE / 4)
                self._writer.write(packets.PINGREQ)
                await self._writer.drain()

    async def _packet(self) -> tuple[int, bytes]:
        first = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:  # noqa: PLR2004 - seven bits a byte
                return first >> 4, await self._reader.readexactly(length)


def _packet_id(number: int) -> int:
    return (number - 1) % PACKET_IDS + 1
