"""An HTTP server that decides on users and topics, as amqtt's HTTP plugins ask for it; a real one, in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Self

from aiohttp import web

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 15.0
PLUGINS = ("amqtt.contrib.http.UserAuthHttpPlugin", "amqtt.contrib.http.TopicAuthHttpPlugin")


class AuthServer:
    """Refuses who or what has `denied` in its name, fails on `broken`, and answers to `slow` only after `release()`."""

    def __init__(self) -> None:
        self.port = 0
        self.reached = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def plugins(self) -> str:
        """`ADAPTER_AUTH__PLUGINS` that ask this server about users and topics."""
        config = {"host": "127.0.0.1", "port": self.port, "request_method": "post", "response_mode": "status"}
        return json.dumps(dict.fromkeys(PLUGINS, config))

    def release(self) -> None:
        """Answer to who is slow, from now on."""
        self._loop.call_soon_threadsafe(self._released.set)

    def hold(self) -> None:
        """Be slow again."""
        self.reached.clear()
        self._loop.call_soon_threadsafe(self._released.clear)

    async def _handle(self, request: web.Request) -> web.Response:
        asked = await request.json()
        about = asked.get("topic") or asked["username"] or ""
        if "slow" in about:
            self.reached.set()
            await self._released.wait()
        if "broken" in about:
            return web.Response(status=500)
        return web.Response(status=403 if "denied" in about else 200)

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/{path}", self._handle)
        runner = self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        self._started.set()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
