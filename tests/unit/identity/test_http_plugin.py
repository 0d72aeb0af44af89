"""amqtt's HTTP plugins, unchanged, against a real server on the loopback interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from adapter.model import Identity
from adapter.reasons import ReasonCode
from tests.support.gate import HTTP_TOPIC, HTTP_USER, Lines, answer, config, connect, gatekeeper, let_in

SENSOR = Identity("c1", "sensor1@demo", "demo", "sensor1")
GOOD = connect("sensor1@demo", "secret")


@dataclass
class Server:
    """Answers as told, and keeps what it was asked."""

    port: int = 0
    status: int = 200
    body: str = "{}"
    content_type: str = "application/json"
    slow_user: str | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        given = dict(await request.json()) if request.method == "POST" else dict(request.query)
        self.asked.append((request.path, given))
        self.reached.set()
        if given["username"] == self.slow_user:
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.abandoned.set()
                raise
        return web.Response(status=self.status, text=self.body, content_type=self.content_type)


@asynccontextmanager
async def serving(**answer_with: Any) -> AsyncIterator[Server]:
    server = Server(**answer_with)
    app = web.Application()
    app.router.add_route("*", "/{path}", server.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.release.set()
        await runner.cleanup()


def asking(port: int, mode: str = "status", **more: str) -> dict[str, dict[str, Any]]:
    server = {"host": "127.0.0.1", "port": port, "request_method": "post", "response_mode": mode, **more}
    return {HTTP_USER: server, HTTP_TOPIC: server}


@pytest.mark.parametrize(
    ("mode", "status", "body", "expected"),
    [
        ("status", 200, "", SENSOR),
        ("status", 403, "", ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ("status", 500, "", ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ("json", 200, '{"ok": true}', SENSOR),
        ("json", 200, '{"ok": false}', ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ("json", 200, "{}", ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ("json", 500, "", ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ("json", 200, "no JSON", ReasonCode.SERVER_UNAVAILABLE),
        ("text", 200, "ok", SENSOR),
        ("text", 200, "no", ReasonCode.BAD_USER_NAME_OR_PASSWORD),
    ],
)
async def test_the_servers_answer_decides_on_devices_and_on_topics(
    mode: str, status: int, body: str, expected: Identity | ReasonCode
) -> None:
    async with serving(status=status, body=body) as server, gatekeeper(config(asking(server.port, mode))) as gate:
        assert await answer(gate, GOOD) == expected
        assert gate.checks_topics is True
        allowed = {SENSOR: True, ReasonCode.SERVER_UNAVAILABLE: None}.get(expected, False)
        assert await gate.may_publish(let_in(SENSOR), "telemetry") is allowed
        assert server.asked == [
            ("/user", {"username": "sensor1@demo", "password": "secret", "client_id": "c1"}),
            ("/acl", {"username": "sensor1@demo", "client_id": "c1", "topic": "telemetry", "acc": 2}),
        ]


async def test_a_server_that_cannot_be_reached_refuses_and_is_logged() -> None:
    async with serving() as server:
        port = server.port
    log = Lines()
    async with gatekeeper(config(asking(port)), log) as gate:
        assert await answer(gate, GOOD) == ReasonCode.SERVER_UNAVAILABLE
        assert await gate.may_publish(let_in(SENSOR), "telemetry") is None
    assert [event for event, _ in log.lines] == ["authentication plugin failed", "authorisation plugin failed"]
    assert all("ClientConnectorError" in fields["error"] for _, fields in log.lines)


async def test_an_error_that_shows_the_address_does_not_show_the_password_in_it() -> None:
    log = Lines()
    plugins = asking(0, "json", request_method="get", params_mode="form")
    async with serving(content_type="text/html") as server:
        plugins[HTTP_USER]["port"] = server.port
        async with gatekeeper(config(plugins), log) as gate:
            refused = await answer(gate, connect("sensor1@demo", "se cret/&ü"))
    assert refused == ReasonCode.SERVER_UNAVAILABLE
    ((_, fields),) = log.lines
    assert "/user?***" in fields["error"]
    assert "cret" not in fields["error"]


async def test_a_slow_answer_holds_up_its_own_connection_only() -> None:
    async with serving(slow_user="slow@demo") as server, gatekeeper(config(asking(server.port), threads=1)) as gate:
        slow = asyncio.create_task(answer(gate, connect("slow@demo", "x", "c2")))
        await server.reached.wait()
        assert await asyncio.gather(*(answer(gate, GOOD) for _ in range(20))) == [SENSOR] * 20
        assert not slow.done()
        server.release.set()
        assert await slow == Identity("c2", "slow@demo", "demo", "slow")


async def test_an_answer_that_is_too_slow_is_given_up_and_its_request_withdrawn() -> None:
    log = Lines()
    async with (
        serving(slow_user="slow@demo") as server,
        gatekeeper(config(asking(server.port), timeout=0.3), log) as gate,
    ):
        assert await answer(gate, connect("slow@demo", "x")) == ReasonCode.SERVER_UNAVAILABLE
        await asyncio.wait_for(server.abandoned.wait(), 5)
    assert log.lines == [("authentication plugin failed", {"client_id": "c1", "error": "no answer within 0.3 s"})]
