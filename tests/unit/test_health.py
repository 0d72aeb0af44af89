"""`python -m adapter.health` finds its endpoint. As containers run it: e2e/test_container_files.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from adapter import health
from adapter.settings import load_settings
from adapter.telemetry.http import HttpEndpoint
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from pathlib import Path


async def ask(*arguments: str, **environ: object) -> int:
    """In a thread, as the endpoint answers in this one."""
    variables = {name: str(value) for name, value in environ.items()}
    return await asyncio.to_thread(health.main, arguments, variables)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # noqa: S104 - on this machine only
async def test_the_endpoint_is_asked_where_it_listens(host: str) -> None:
    port = free_port()
    reasons: list[str] = []
    endpoint = HttpEndpoint(host, port, CollectorRegistry(), lambda: reasons)
    await endpoint.start()
    where = {"ADAPTER_HTTP__HOST": host, "ADAPTER_HTTP__PORT": port}
    assert [await ask(**where), await ask("--ready", **where)] == [0, 0]
    reasons.append("Kafka is away")
    assert [await ask(**where), await ask("--ready", **where)] == [0, 1]
    await endpoint.stop()
    assert await ask(**where) == 1


async def test_the_port_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text(f"{free_port()}\n")
    assert await ask(ADAPTER_HTTP__PORT_FILE=file) == 1
    file.write_text("\n")
    assert await ask(ADAPTER_HTTP__PORT_FILE=file) == 0


def test_the_defaults_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def connect(host: str, port: int, **_: object) -> None:
        asked.append((host, port))
        raise KeyboardInterrupt

    monkeypatch.setattr(health.http.client, "HTTPConnection", connect)
    with pytest.raises(KeyboardInterrupt):
        health.main([], {})
    settings = load_settings({})
    assert asked == [(health.LOOPBACK[settings.http.host], settings.http.port)]
