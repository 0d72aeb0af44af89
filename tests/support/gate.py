"""A Gatekeeper that is started and stopped, and what comes out of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adapter.errors import ConnectRefusedError
from adapter.identity.gatekeeper import Gatekeeper, IdentityConfig
from adapter.identity.sessions import session_of
from adapter.model import Connect, Identity
from adapter.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from adapter.reasons import ReasonCode

FILE = "amqtt.plugins.authentication.FileAuthPlugin"
ANONYMOUS = "amqtt.plugins.authentication.AnonymousAuthPlugin"
HTTP_USER = "amqtt.contrib.http.UserAuthHttpPlugin"
HTTP_TOPIC = "amqtt.contrib.http.TopicAuthHttpPlugin"


class Lines:
    """A log that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


def config(
    plugins: Mapping[str, Mapping[str, Any]],
    *,
    required: bool = True,
    gateways: tuple[str, ...] = (),
    threads: int = 2,
    timeout: float = 10.0,
) -> IdentityConfig:
    return IdentityConfig(required, plugins, gateways, threads, timeout)


@asynccontextmanager
async def gatekeeper(identity_config: IdentityConfig, log: Lines | None = None) -> AsyncIterator[Gatekeeper]:
    gate = Gatekeeper(identity_config, Lines() if log is None else log)
    try:
        await gate.start()
        yield gate
    finally:
        await gate.stop()


def connect(username: str | None = None, password: str | bytes | None = None, client_id: str = "c1") -> Connect:
    raw = password.encode() if isinstance(password, str) else password
    return Connect(4, client_id, clean_start=True, keep_alive=60, username=username, password=raw)


def let_in(identity: Identity) -> Identity:
    """Return it as plugins that check topics need it: as if `authenticate` had."""
    session = session_of(connect(identity.username, "secret", identity.client_id), Peer("192.0.2.7"))
    return replace(identity, plugin_session=session)


async def answer(gate: Gatekeeper, packet: Connect) -> Identity | ReasonCode:
    """Return the identity, or the code of the refusal."""
    try:
        return await gate.authenticate(packet, Peer("192.0.2.7"))
    except ConnectRefusedError as error:
        return error.code
