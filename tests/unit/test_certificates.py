"""`adapter.certificates`: however often an operator asks, they are read once in a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapter import certificates
from adapter.certificates import Certificates, TlsConfig
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Log:
    def __init__(self) -> None:
        self.events: list[str] = []

    def info(self, event: str, **_: object) -> None:
        self.events.append(event)

    def error(self, event: str, **_: object) -> None:
        self.events.append(event)


async def test_requests_to_renew_that_come_together_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SOON", 0.01)
    certificate, key = Authority(tmp_path, "authority").sign("server")
    log = Log()
    held = Certificates(TlsConfig(str(certificate), str(key)), log)
    before = held.context()
    for _ in range(1000):
        held.reload_soon()
    await asyncio.sleep(0.1)
    assert len(log.events) == 1
    assert held.context() is not before
    held.reload_soon()
    await held.stop()
    await asyncio.sleep(0.05)
    assert len(log.events) == 1
