"""Opens and closes all listeners for devices that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from adapter import wiring
from adapter.certificates import Certificates
from adapter.mqtt.listener import Listener, UnixListener

if TYPE_CHECKING:
    from adapter.mqtt.frontend import Frontend
    from adapter.settings import Settings

log = structlog.get_logger(__name__)


class Listeners:
    """`ports` maps `mqtt`, `tls`, `ws` and `wss` to the ports in use; it is empty while no listener is open."""

    def __init__(self, settings: Settings) -> None:
        """Load the certificates. Raises ConfigurationError."""
        self._settings = settings
        tls = wiring.tls_config(settings)
        self._certificates = Certificates(tls, log) if tls is not None else None
        self._open: list[Listener | UnixListener] = []
        self.ports: dict[str, int] = {}

    @property
    def certificate_expiry(self) -> float | None:
        """When the certificate that devices see expires, in seconds since the epoch; None without TLS."""
        return self._certificates.expiry if self._certificates is not None else None

    async def start(self, frontend: Frontend) -> None:
        """Open the listeners. Raises OSError if an address cannot be used; the caller calls `stop` in any case."""
        settings = self._settings
        context = self._certificates.context if self._certificates is not None else None
        for name, part, layers in (
            ("mqtt", settings.mqtt, wiring.layers(settings)),
            ("tls", settings.tls, wiring.layers(settings, context=context)),
            ("ws", settings.ws, wiring.layers(settings, websocket=True)),
            ("wss", settings.wss, wiring.layers(settings, context=context, websocket=True)),
        ):
            if part.port is not None:
                listener = Listener(frontend, part.host, part.port, layers)
                await listener.start()
                self._open.append(listener)
                self.ports[name] = listener.port
        if settings.mqtt.unix_socket is not None:
            local = UnixListener(frontend, settings.mqtt.unix_socket)
            await local.start()
            self._open.append(local)
        if self._certificates is not None:
            self._certificates.start()

    def reload(self) -> None:
        """Read the certificates again; the old ones stay if the new ones cannot be used."""
        if self._certificates is not None:
            self._certificates.reload_soon()

    def close(self) -> None:
        """Accept no more connections; open ones continue."""
        self.ports = {}
        while self._open:
            self._open.pop().stop()

    async def stop(self) -> None:
        """Close the listeners and stop watching the certificate files."""
        self.close()
        if self._certificates is not None:
            await self._certificates.stop()
