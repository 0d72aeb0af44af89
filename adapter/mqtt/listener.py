"""Accepts connections for a Frontend."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from adapter.mqtt.connection import Connection
from adapter.mqtt.layered_connection import LayeredConnection, Layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.mqtt.frontend import Frontend

# A fleet that comes back at once must find room in the kernel's queue (the kernel caps it at net.core.somaxconn).
BACKLOG = 4096
PLAIN = Layers()


class Listener:
    """A port on one or more addresses, with commas between."""

    def __init__(self, frontend: Frontend, host: str, port: int, layers: Layers = PLAIN) -> None:
        self._hosts = host.split(",")
        self._port = port
        self._factory = _factory(frontend, layers)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._factory, self._hosts, self._port, backlog=BACKLOG)

    @property
    def port(self) -> int:
        """The port in use; the real one when 0 was asked for."""
        assert self._server is not None, "start() comes first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Accept no more. Open connections go on."""
        if self._server is not None:
            self._server.close()
            self._server = None


class UnixListener:
    """A socket in the file system; one that a dead process has left there is replaced."""

    def __init__(self, frontend: Frontend, path: str, layers: Layers = PLAIN) -> None:
        self._path = path
        self._factory = _factory(frontend, layers)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the path cannot be used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._factory, self._path, backlog=BACKLOG)

    def stop(self) -> None:
        """Accept no more. Open connections go on."""
        if self._server is not None:
            self._server.close()
            self._server = None


def _factory(frontend: Frontend, layers: Layers) -> Callable[[], Connection]:
    return partial(LayeredConnection, frontend, layers) if layers else partial(Connection, frontend)
