"""`make soak`: devices of all kinds come and go for twenty minutes; memory, files and sessions stay as they are."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import ssl
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.attacks.__main__ import TENANT, Siege
from tests.support.kafka_broker import KafkaBroker
from tests.support.packets import DISCONNECT, connect, last_will, packet, publish

if TYPE_CHECKING:
    from tests.attacks.target import Peer, Target

SECONDS = 1200.0
WARM_PART = 0.25
SAMPLES = 20
PACE = 200.0
CHURN = 30  # devices at a time
NAMES = 400
MORE_RSS = 1.15
MB = 10**6


@dataclass(frozen=True, slots=True)
class Sample:
    """What the adapter holds at a time (seconds)."""

    at: float
    rss: float
    files: int
    connections: float
    sessions: float
    unreleased: float
    wills: float


class Churn:
    """Devices that come, do something, and go in some way."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target = target
        self._rng = random.Random(seed)  # noqa: S311 - the same again
        self.lives = 0

    async def go_on(self, until: float) -> None:
        """One life after the other."""
        while time.monotonic() < until:
            with contextlib.suppress(OSError, EOFError, ssl.SSLError):
                await self._live()
            self.lives += 1
            self._target.opened.clear()
            await asyncio.sleep(self._rng.uniform(0.0, 0.05))

    async def _live(self) -> None:
        rng, target = self._rng, self._target
        name = f"soak-{rng.randrange(NAMES)}"
        tls = rng.random() < 0.2
        peer = await target.open(target.tls_port if tls else None, tls=tls)
        level = rng.choice((4, 5))
        wrong = rng.random() < 0.05
        await peer.send(
            connect(
                name,
                level=level,
                clean=rng.random() < 0.5,
                username="sensor1@demo" if wrong else None,
                password="wrong" if wrong else None,
                properties=b"\x11\0\0\0\x3c" if level == 5 and rng.random() < 0.5 else b"",  # a minute
                will=last_will(f"t/{TENANT}/{name}", level=level) if rng.random() < 0.3 else b"",
            )
        )
        if rng.random() < 0.05:
            peer.drop()
            return
        await peer.answer()
        for packet_id in range(1, rng.randint(2, 12)):
            await self._publish(peer, name, level, packet_id)
        await peer.read(rng.choice((0.0, 0.02, 0.2)))
        if rng.random() < 0.5:
            await peer.send(DISCONNECT)
            await peer.until_closed(1.0)
        peer.drop()

    async def _publish(self, peer: Peer, name: str, level: int, packet_id: int) -> None:
        rng = self._rng
        qos = rng.randrange(3)
        topic = f"telemetry/{TENANT}/{name}" + (f"/{rng.randrange(1000)}" if rng.random() < 0.2 else "")
        data = publish(topic, rng.randbytes(rng.randrange(1000)), qos=qos, packet_id=packet_id, level=level)
        if rng.random() < 0.02:  # broken off in the middle
            await peer.send(data[: len(data) // 2])
            peer.drop()
            return
        await peer.send(data)
        if qos == 2 and rng.random() < 0.8:
            await peer.send(packet(0x62, packet_id.to_bytes(2, "big")))


def sample(siege: Siege, process: psutil.Process, began: float) -> Sample:
    adapter = siege.adapter
    return Sample(
        time.monotonic() - began,
        process.memory_info().rss / MB,
        process.num_fds(),
        adapter.metric("adapter_connections"),
        adapter.metric("adapter_sessions_kept"),
        adapter.metric("adapter_messages_unreleased"),
        adapter.metric("adapter_wills"),
    )


async def _play(siege: Siege, seconds: float) -> tuple[list[Sample], int]:
    began = time.monotonic()
    process = psutil.Process(siege.adapter.process.pid)
    churn = [Churn(siege.target, number) for number in range(CHURN)]
    lives = [asyncio.create_task(one.go_on(began + seconds)) for one in churn]
    samples = []
    for number in range(1, SAMPLES + 1):
        await asyncio.sleep(max(0.0, began + number * seconds / SAMPLES - time.monotonic()))
        samples.append(await asyncio.to_thread(sample, siege, process, began))
        sys.stderr.write(f"{samples[-1]}\n")
    await asyncio.gather(*lives)
    await siege.target.leave()
    return samples, sum(one.lives for one in churn)


def not_flat(samples: list[Sample]) -> list[str]:
    """What grows after the warm-up: the last quarter against the second."""
    quarter = int(len(samples) * WARM_PART)
    warm, late = samples[quarter : 2 * quarter], samples[-quarter:]
    broken = []
    if max(one.rss for one in late) > MORE_RSS * max(one.rss for one in warm):
        broken.append("RSS grows")
    if min(one.files for one in late) > max(one.files for one in warm) + CHURN:
        broken.append("open files grow")
    broken += [
        f"{name} grow"
        for name in ("sessions", "unreleased", "wills")
        if min(getattr(one, name) for one in late) > 2 * max(getattr(one, name) for one in warm) + 50
    ]
    return broken


def main() -> int:
    """Play it. Exit code 1: something grows, or something honest was lost."""
    parser = argparse.ArgumentParser(prog="make soak", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    with KafkaBroker() as kafka, tempfile.TemporaryDirectory() as folder:
        siege = Siege(kafka, Path(folder), pace=PACE)
        try:
            samples, lives = asyncio.run(_play(siege, options.seconds))
            verdict, difference = siege.judged()
            code = siege.adapter.stop()
        finally:
            siege.close()
    broken = not_flat(samples)
    titles = ("second", "RSS MB", "files", "connections", "sessions kept", "unreleased", "wills")
    sys.stdout.write("  ".join(f"{title:>13}" for title in titles) + "\n")
    for one in samples:
        row = (one.at, one.rss, one.files, one.connections, one.sessions, one.unreleased, one.wills)
        sys.stdout.write("  ".join(f"{value:13.0f}" for value in row) + "\n")
    sys.stdout.write(f"\n{lives} lives\n{verdict}\nledger difference {difference:g}, exit code {code}\n")
    sys.stdout.write(f"{', '.join(broken) or 'flat'}\n")
    return int(bool(broken) or not verdict.good or bool(difference) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
