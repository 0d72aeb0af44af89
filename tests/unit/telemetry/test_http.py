"""`adapter.telemetry.http`: what orchestrators and Prometheus get."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from adapter.telemetry import http
from adapter.telemetry.http import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Served:
    """An endpoint, and a client for it."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.registry = CollectorRegistry()
        self.endpoint = HttpEndpoint("127.0.0.1", 0, self.registry, self.readiness)
        self.fault: Exception | None = None

    def readiness(self) -> list[str]:
        """Tell the reasons, or fail."""
        if self.fault is not None:
            raise self.fault
        return self.reasons

    def counter(self) -> Counter:
        """A metric."""
        return Counter("things", "Things.", registry=self.registry)

    async def ask(self, path: str, method: str = "GET", **kwargs: Any) -> tuple[int, Any]:
        """Ask, and return status and content."""
        url = f"http://127.0.0.1:{self.endpoint.port}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, **kwargs) as response:
            json = response.content_type == "application/json"
            return response.status, await (response.json() if json else response.text())


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Start an endpoint on a free port."""
    served = Served()
    await served.endpoint.start()
    yield served
    await served.endpoint.stop()


async def test_who_answers_is_alive(served: Served) -> None:
    served.reasons = ["Kafka cannot be reached"]
    assert await served.ask("/livez") == (200, {"alive": True})


async def test_ready_or_why_not(served: Served) -> None:
    assert await served.ask("/readyz") == (200, {"ready": True, "reasons": []})
    served.reasons = ["Kafka cannot be reached", "draining"]
    assert await served.ask("/readyz") == (503, {"ready": False, "reasons": ["Kafka cannot be reached", "draining"]})
    served.reasons = []
    assert await served.ask("/readyz") == (200, {"ready": True, "reasons": []})


async def test_metrics_are_those_of_the_registry_and_of_the_process(served: Served) -> None:
    served.counter().inc(3)
    status, text = await served.ask("/metrics")
    values = {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}
    assert status == 200
    assert values["things_total"] == 3
    assert values["process_resident_memory_bytes"] > 0
    assert values["process_open_fds"] > 0


async def test_who_asks_while_metrics_are_rendered_shares_the_next_rendering(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[CollectorRegistry] = []

    def render(registry: CollectorRegistry) -> bytes:
        rendered.append(registry)
        return b"%d" % len(rendered)

    monkeypatch.setattr(http, "generate_latest", render)
    answers = await asyncio.gather(*(served.ask("/metrics") for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    assert rendered.count(served.registry) < 5
    count = served.counter()
    count.inc()
    monkeypatch.undo()
    _, text = await served.ask("/metrics")
    assert "things_total 1.0" in text, "never older than the question"


async def test_one_connection_too_many_takes_the_place_of_the_oldest(served: Served) -> None:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", served.endpoint.port)

    reader, writer = await connect()
    others = [await connect() for _ in range(http.CONNECTIONS)]
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert (await served.ask("/livez"))[0] == 200
    for _, other in (*others, (reader, writer)):
        other.close()


async def test_everything_else_is_an_error_in_json(served: Served) -> None:
    assert await served.ask("/") == (404, {"error": "Not Found"})
    assert await served.ask("/metrics/x") == (404, {"error": "Not Found"})
    assert await served.ask("/readyz", "POST") == (405, {"error": "Method Not Allowed"})


async def test_a_probe_may_ask_for_the_head_only(served: Served) -> None:
    status, _ = await served.ask("/livez", "HEAD")
    assert status == 200


async def test_a_fault_is_no_readiness(served: Served) -> None:
    """The asker gets an error in JSON without details, and the endpoint goes on."""
    served.fault = RuntimeError("a detail")
    assert await served.ask("/readyz") == (500, {"error": "internal error"})
    assert (await served.ask("/livez"))[0] == 200


async def test_no_answer_is_kept_by_a_cache(served: Served) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/nothing"):
        url = f"http://127.0.0.1:{served.endpoint.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_request_is_small(served: Served) -> None:
    status, _ = await served.ask("/livez?" + "x" * 10_000)
    assert status == 400


async def test_an_address_in_use_is_an_error_at_start(served: Served) -> None:
    second = HttpEndpoint("127.0.0.1", served.endpoint.port, CollectorRegistry(), list)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.stop()


async def test_the_port_is_closed_after_stop_and_stopping_twice_is_well() -> None:
    endpoint = HttpEndpoint("127.0.0.1", 0, CollectorRegistry(), list)
    with pytest.raises(RuntimeError, match="not started"):
        _ = endpoint.port
    await endpoint.start()
    port = endpoint.port
    await endpoint.stop()
    await endpoint.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    gc.collect()


async def test_a_connection_that_stays_open_does_not_hold_up_stopping(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(5):
        await served.endpoint.stop()
    writer.close()


@pytest.mark.parametrize("request_", [b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", b"\x10\x0d\0\4MQTT\r\n\r\n"])
async def test_what_is_no_request_is_refused_without_a_traceback_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
    writer.write(request_)
    assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    assert not caplog.records
