"""A client's program as a child process, and the contract between it and the matrix.

The words of the command line say how it connects:

    url=SCHEME://127.0.0.1:PORT[/PATH]   mqtt, mqtts, ws or wss
    level=4|5                            MQTT 3.1.1 or 5.0
    client_id=TEXT
    user=TEXT password=TEXT              when it has credentials
    ca=FILE                              with mqtts and wss: PEM, the authority to trust
    will=TOPIC                           when it has a Will: QoS 1, payload `gone`
    keep=1                               when its session is to outlive the connection, for an hour; else a clean one

A line of standard input is a message, published at once, without waiting for those before:

    QOS TOPIC HEX                        the payload in hexadecimal, or `-` when it is empty

It writes `connected` at every CONNACK that lets it in, and `acked N` when message N (from 0) has its PUBACK or PUBCOMP.
When a connection is lost, it connects again and sends what has no acknowledgement, by whatever means its library has.
At the end of its input it waits for the acknowledgements, sends DISCONNECT and ends with 0. When it cannot go on, it
says why on standard error and ends with another code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.support.kafka_dist import ROOT
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

SECONDS = 30.0
TOLD = 2_000  # characters of what a program said on standard error


@dataclass(frozen=True, slots=True)
class Message:
    """What is published."""

    topic: str
    payload: bytes
    qos: int = 1

    def line(self) -> bytes:
        """As a program reads it."""
        return f"{self.qos} {self.topic} {self.payload.hex() or '-'}\n".encode()


class ProgramError(AssertionError):
    """A program did not do what it was asked for."""


class Program:
    """Runs from `async with` on; what is left of it at the end is killed."""

    def __init__(self, command: Sequence[str], words: Mapping[str, str]) -> None:
        self._command = [*command, *(f"{name}={value}" for name, value in words.items())]
        self.connected = 0
        self.acked: list[int] = []
        self._sent = 0
        self._process: asyncio.subprocess.Process
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        self._hearing: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            start_new_session=True,  # a program may have started others, which die with it
        )
        self._hearing = asyncio.create_task(self._hear())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        self._errors.close()

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            match line.decode().split():
                case ["connected"]:
                    self.connected += 1
                case ["acked", number]:
                    self.acked.append(int(number))
                case _:
                    raise ProgramError(f"it said {line!r}")

    async def send(self, messages: Iterable[Message]) -> None:
        """Let it publish."""
        assert self._process.stdin is not None
        try:
            for message in messages:
                self._process.stdin.write(message.line())
                await self._process.stdin.drain()
                self._sent += 1
        except ConnectionError:
            raise ProgramError(await self._last_words()) from None

    async def until_connected(self, times: int = 1) -> None:
        """Return when it has been let in so often."""
        await self._until(lambda: self.connected >= times, "connected")

    async def until_acked(self, count: int) -> None:
        """Return when so many messages have their acknowledgement."""
        await self._until(lambda: len(self.acked) >= count, f"has {count} acknowledgements")

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            await until(lambda: condition() or self._hearing.done(), SECONDS)
        except TimeoutError:
            raise ProgramError(f"not {what}; {await self._last_words()}") from None
        if not condition():
            raise ProgramError(f"not {what}; {await self._last_words()}")

    async def finish(self) -> None:
        """Let it disconnect."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(SECONDS):
                code = await self._process.wait()
                await self._hearing
        except TimeoutError:
            raise ProgramError(f"it does not end; {await self._last_words()}") from None
        if code:
            raise ProgramError(await self._last_words())

    async def kill(self) -> None:
        """End it, and what it has started, at once: its sockets are closed without DISCONNECT."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def _last_words(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()[-TOLD:]
        known = f"connected {self.connected} times, {len(self.acked)} of {self._sent} acknowledged"
        return f"{known}, exit code {self._process.returncode}: {said or 'it said nothing'}"
