"""Accepts TCP connections for a Frontend."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from adapter.mqtt.connection import Connection

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend

# A fleet that comes back at once must find room in the kernel's queue (the kernel caps it at net.core.somaxconn).
BACKLOG = 4096


class Listener:
    """One plain TCP port."""

    def __init__(self, frontend: Frontend, host: str, port: int) -> None:
        self._frontend = frontend
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be used."""
        loop = asyncio.get_running_loop()
        factory = partial(Connection, self._frontend)
        self._server = await loop.create_server(factory, self._host, self._port, backlog=BACKLOG)

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
