"""`adapter.certificates`: when certificates are read again, and which are taken."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from adapter import certificates
from adapter.certificates import Certificates, TlsConfig, Validity
from tests.support.certificates import Authority, expired

if TYPE_CHECKING:
    from pathlib import Path

REFUSED_BY_DEVICES = "devices will refuse the server's certificate"
STAYS = "certificates cannot be reloaded, the old ones stay"


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


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return Authority(tmp_path, "authority").sign("server")


def test_a_certificate_that_is_over_is_told_at_the_start_and_taken(files: tuple[Path, Path]) -> None:
    over = expired(*files)
    log = Log()
    held = Certificates(TlsConfig(str(over), str(files[1])), log)
    assert log.events == [REFUSED_BY_DEVICES]
    assert held.expiry < time.time()
    held.reload()
    assert log.events == [REFUSED_BY_DEVICES, "certificates reloaded", REFUSED_BY_DEVICES]


def test_a_renewed_certificate_that_is_over_is_not_taken_while_the_old_one_is_valid(files: tuple[Path, Path]) -> None:
    certificate, key = files
    log = Log()
    held = Certificates(TlsConfig(str(certificate), str(key)), log)
    before, expiry = held.context(), held.expiry
    assert not log.events
    certificate.write_bytes(expired(certificate, key).read_bytes())
    held.reload()
    assert log.events == [STAYS]
    assert (held.context(), held.expiry) == (before, expiry)


async def test_a_certificate_of_tomorrow_is_taken_tomorrow(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_SECONDS", 0.01)
    found = iter([Validity(0, 30), Validity(20, 50), Validity(20, 50)])
    monkeypatch.setattr(certificates, "validity_of", lambda _: next(found))
    now = 10.0
    log = Log()
    held = Certificates(TlsConfig(str(files[0]), str(files[1])), log, lambda: now)
    held.reload()
    assert log.events == [STAYS]
    held.start()
    await asyncio.sleep(0.1)
    assert log.events == [STAYS]
    now = 20.0
    await asyncio.sleep(0.1)
    assert log.events == [STAYS, "certificates reloaded"]
    assert held.expiry == 50
    await held.stop()
