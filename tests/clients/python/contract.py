"""The contract of `tests/clients/program.py` for programs in Python."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HOUR = 3600
WILL = b"gone"


@dataclass(frozen=True, slots=True)
class Options:
    """The words of the command line."""

    url: str
    level: int
    client_id: str
    user: str | None
    password: str | None
    ca: str | None
    will: str | None
    keep: bool

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def websocket(self) -> bool:
        return self.scheme in {"ws", "wss"}

    @property
    def host(self) -> str:
        host = urlsplit(self.url).hostname
        assert host is not None
        return host

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


@dataclass(frozen=True, slots=True)
class Message:
    """A line of standard input."""

    place: int
    qos: int
    topic: str
    payload: bytes


def options() -> Options:
    """From the command line."""
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    return Options(
        words["url"],
        int(words["level"]),
        words["client_id"],
        words.get("user"),
        words.get("password"),
        words.get("ca"),
        words.get("will"),
        "keep" in words,
    )


def messages() -> Iterator[Message]:
    """From standard input, to its end."""
    for place, line in enumerate(sys.stdin):
        qos, topic, payload = line.split()
        yield Message(place, int(qos), topic, b"" if payload == "-" else bytes.fromhex(payload))


async def messages_as_they_come() -> AsyncIterator[Message]:
    """The same beside an event loop."""
    lines = messages()
    while (message := await asyncio.to_thread(next, lines, None)) is not None:
        yield message


def connected() -> None:
    """Say so."""
    _say("connected")


def acked(place: int) -> None:
    """Say so."""
    _say(f"acked {place}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
