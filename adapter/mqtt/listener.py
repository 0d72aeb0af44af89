"""Accepts connections for a Frontend."""

from __future__ import annotations

import asyncio
import os
import socket
from functools import partial
from typing import TYPE_CHECKING

from adapter.mqtt.connection import Connection
from adapter.mqtt.layered_connection import LayeredConnection, Layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.mqtt.frontend import Frontend

# For a fleet that reconnects at once; the kernel caps it at net.core.somaxconn.
BACKLOG = 4096
PLAIN = Layers()


class Listener:
    """A port on one or more addresses, separated by commas."""

    def __init__(self, frontend: Frontend, host: str, port: int, layers: Layers = PLAIN) -> None:
        self._hosts = host.split(",")
        self._port = port
        self._factory = _factory(frontend, layers)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be used."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._factory, self._hosts, self._port, backlog=BACKLOG)
        for listening in self._server.sockets:
            _find_dead_peers(listening.fileno())

    @property
    def port(self) -> int:
        """The port in use, also if 0 was asked for."""
        assert self._server is not None, "start() comes first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Accept no more. Open connections go on."""
        if self._server is not None:
            self._server.close()
            self._server = None


class UnixListener:
    """A Unix socket; one left behind by a dead process is replaced."""

    def __init__(self, frontend: Frontend, path: str, layers: Layers = PLAIN) -> None:
        self._path = path
        self._factory = _factory(frontend, layers, unix=True)
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


def _find_dead_peers(listening: int) -> None:
    """Enable TCP keep-alive, which accepted sockets inherit: it finds dead peers whose MQTT keep-alive is 0."""
    with socket.socket(fileno=os.dup(listening)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):  # not on every developer's system
            for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3)):
                same.setsockopt(socket.IPPROTO_TCP, option, value)


def _factory(frontend: Frontend, layers: Layers, *, unix: bool = False) -> Callable[[], Connection]:
    if layers:
        return partial(LayeredConnection, frontend, layers, unix=unix)
    return partial(Connection, frontend, unix=unix)
