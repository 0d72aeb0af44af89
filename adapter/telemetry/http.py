"""The HTTP endpoint for orchestrators and Prometheus.

    /livez      200 while the event loop runs
    /readyz     200 if devices may connect here, else 503; with the reasons in JSON
    /metrics    Prometheus' text format

Every other path is an error, also in JSON.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.web_protocol import RequestHandler

# A probe sends a request line, a few headers, and no body. Sizes in bytes, times in seconds.
LARGEST_LINE = 4096
LARGEST_BODY = 1024
KEEP_ALIVE = 75.0  # longer than Prometheus' usual scrape interval of 15 to 60
STOP_TIMEOUT = 2.0
# One connection more closes the oldest, so that nobody can keep probes out or exhaust the open files.
CONNECTIONS = 32
# Rendering the metrics takes some milliseconds of the event loop. Requests that arrive within this interval after one
# rendering share the next, so what they get is never older than they are.
RENDER_INTERVAL = 0.1

log = structlog.get_logger(__name__)

# aiohttp logs a traceback for each request that is not HTTP or has too long a line, and anybody may send those.
_aiohttp_log = logging.getLogger(f"{__name__}.aiohttp")
_aiohttp_log.addFilter(lambda record: not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage)))


class HttpEndpoint:
    """Serves health and metrics on one port. `readiness` returns the reasons for not being ready; none means ready."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, readiness: Callable[[], list[str]]) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._readiness = readiness
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._accepted: deque[RequestHandler] = deque()  # the latest
        self._rendering: asyncio.Task[bytes] | None = None  # the next one, which has not begun
        self._rendered_at = float("-inf")

    async def start(self) -> None:
        """Listen. Raises OSError if the address cannot be used."""
        app = web.Application(middlewares=[_errors_as_json], client_max_size=LARGEST_BODY)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_aiohttp_log,
            keepalive_timeout=KEEP_ALIVE,
            shutdown_timeout=STOP_TIMEOUT,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_LINE,
        )
        await runner.setup()
        self._runner = runner
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accept, self._host, self._port)
        except OSError:
            await self.stop()
            raise

    @property
    def port(self) -> int:
        """The port in use, also if 0 was configured. Raises RuntimeError before `start` and after `stop`."""
        if self._server is None:
            raise RuntimeError("the HTTP endpoint is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def _accept(self) -> asyncio.Protocol:
        assert self._runner is not None, "connections are accepted between start and stop"
        assert self._runner.server is not None, "the runner was set up"
        handler = self._runner.server()
        self._accepted.append(handler)
        if len(self._accepted) > CONNECTIONS:
            self._accepted.popleft().force_close()
        return handler

    async def stop(self) -> None:
        """Close within `STOP_TIMEOUT`. May be called repeatedly."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return _json({"alive": True})

    async def _readyz(self, _request: web.Request) -> web.Response:
        reasons = self._readiness()
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json({"ready": not reasons, "reasons": reasons}, status)

    async def _metrics(self, _request: web.Request) -> web.Response:
        if self._rendering is None:
            self._rendering = asyncio.create_task(self._render())
        body = await asyncio.shield(self._rendering)  # others may wait for it
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"})

    async def _render(self) -> bytes:
        time = asyncio.get_running_loop().time
        await asyncio.sleep(self._rendered_at + RENDER_INTERVAL - time())
        self._rendering = None
        # Counting open files takes 3 µs per connection (160 ms with 50,000), too long for the event loop. The adapter's
        # own counters are read in the loop, where they change; that takes about 1 ms.
        process = await asyncio.to_thread(generate_latest, self._process)
        self._rendered_at = time()
        return generate_latest(self._registry) + process


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _json({"error": error.reason}, HTTPStatus(error.status), headers)
    except Exception:
        # A bug of ours: the response only says that there was an error, the log says which.
        log.exception("HTTP request failed", path=request.path)
        return _json({"error": "internal error"}, HTTPStatus.INTERNAL_SERVER_ERROR)


def _json(
    content: dict[str, object], status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.json_response(content, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
