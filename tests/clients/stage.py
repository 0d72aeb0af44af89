"""What the clients meet: a real Kafka, the adapter as a child process with all its listeners, and a network to cut."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from adapter.identity.passwd import password_entry
from tests.clients.program import Program
from tests.support.adapter import Adapter
from tests.support.certificates import Authority
from tests.support.kafka_broker import free_port
from tests.support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from tests.clients.catalogue import Client
    from tests.support.kafka_broker import KafkaBroker

PASSWORD = "only for tests"  # noqa: S105 - made up
USERS_TENANT = "connect"


@dataclass(frozen=True, slots=True)
class Seat:
    """A client that speaks one version of the protocol; `device` is its client identifier and its device."""

    client: Client
    level: int

    @property
    def device(self) -> str:
        return f"{self.client.program}-{self.level}"


class Stage:
    """Runs inside `with`. `urls`: where each scheme is served; `network`: a proxy before the plain listener."""

    def __init__(self, kafka: KafkaBroker, seats: Iterable[Seat]) -> None:
        self.kafka = kafka
        self._temporary = tempfile.TemporaryDirectory(prefix="clients-")
        self._folder = Path(self._temporary.name)
        authority = Authority(self._folder, "authority")
        certificate, key = authority.sign("adapter")
        self._trust = {"ca": str(authority.cafile)}
        ports = {scheme: free_port() for scheme in ("mqtts", "ws", "wss")}
        self.adapter = Adapter(
            kafka.bootstrap,
            AUTH__PLUGINS=self._passwords(seats),
            TLS__HOST="127.0.0.1",
            TLS__PORT=str(ports["mqtts"]),
            TLS__CERTFILE=str(certificate),
            TLS__KEYFILE=str(key),
            WS__HOST="127.0.0.1",
            WS__PORT=str(ports["ws"]),
            WSS__HOST="127.0.0.1",
            WSS__PORT=str(ports["wss"]),
        )
        self.urls = {
            "mqtt": f"mqtt://127.0.0.1:{self.adapter.port}",
            "mqtts": f"mqtts://127.0.0.1:{ports['mqtts']}",
            "ws": f"ws://127.0.0.1:{ports['ws']}/mqtt",
            "wss": f"wss://127.0.0.1:{ports['wss']}/mqtt",
        }
        self.network: TcpProxy

    def _passwords(self, seats: Iterable[Seat]) -> str:
        """All devices have one password, so that one hash serves, which is slow to make."""
        _, secret = password_entry("anyone@anywhere", PASSWORD).split(":", 1)
        path = self._folder / "passwords"
        path.write_text("".join(f"{seat.device}@{USERS_TENANT}:{secret}\n" for seat in seats))
        return json.dumps({"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(path)}})

    def program(self, seat: Seat, scheme: str = "mqtt", *, url: str | None = None, **words: str) -> Program:
        """The client's program, with these words besides those that are always there."""
        always = {"url": url or self.urls[scheme], "level": str(seat.level), "client_id": seat.device}
        trust = self._trust if scheme in {"mqtts", "wss"} else {}
        return Program(seat.client.command(), always | trust | words)

    def __enter__(self) -> Self:
        self.adapter.start()
        self.network = TcpProxy(self.adapter.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.network.close()
        self.adapter.close()
        self._temporary.cleanup()
