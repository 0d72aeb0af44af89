"""`make attacks`: attackers against a live adapter with a real Kafka, while honest devices publish; one table."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from adapter.verify.judge import Sighting, Verdict, judge
from tests.attacks import costly  # noqa: F401 - enters its attacks
from tests.attacks.attacks import ATTACKS, Attack
from tests.attacks.honest import Honest, Times
from tests.attacks.target import Target
from tests.support.adapter import Adapter, write_password_file
from tests.support.certificates import Authority
from tests.support.kafka_broker import KafkaBroker, free_port
from tests.support.records import read_all

TENANT = "attacked"
DEVICES = 100
PACE = 500.0  # messages a second, all honest devices together
QUIET_SECONDS = 3.0
ATTACK_SECONDS = 5.0
ROUNDS = 3
MOST_TIMES = 3.0  # the quiet p99
MOST_BLOCKED = 50.0  # ms
# Below it the operating system's own scheduling decides.
NOTHING = 2.0  # ms
MB = 10**6
MOST_RSS = 64 * 2**20 / MB + 150
COLUMNS = ("attack", "what it did", "answers", "p99 quiet", "p99", "ratio", "ping max", "RSS MB", "fds", "verdict")


@dataclass(slots=True)
class Row:
    """One attack; times in ms."""

    name: str
    told: str
    times: Times
    quiet: float
    rss: float
    files: int
    broken: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return self.times.p99 / max(self.quiet, NOTHING)

    def cells(self) -> list[str]:
        times = self.times
        return [
            self.name, self.told, f"{times.answers}", f"{self.quiet:.1f}", f"{times.p99:.1f}", f"{self.ratio:.2f}",
            f"{times.ping:.0f}", f"{self.rss:.0f}", f"{self.files}", ", ".join(self.broken) or "held",
        ]  # fmt: skip


class Siege:
    """An adapter with all its listeners, a Kafka, and honest devices."""

    def __init__(
        self, kafka: KafkaBroker, folder: Path, *, pace: float = PACE, seconds: float = ATTACK_SECONDS
    ) -> None:
        self._kafka = kafka
        kafka.create_topic(f"hono.telemetry.{TENANT}", 4)
        authority = Authority(folder, "authority")
        certificate, key = authority.sign("server")
        tls_port, ws_port = free_port(), free_port()
        self.adapter = Adapter(
            kafka.bootstrap,
            AUTH__PLUGINS=write_password_file(folder, sensor1__demo="right"),
            TLS__PORT=str(tls_port),
            TLS__CERTFILE=str(certificate),
            TLS__KEYFILE=str(key),
            WS__PORT=str(ws_port),
        ).start()
        self.honest = Honest(self.adapter.port, TENANT, DEVICES, pace)
        self.target = Target(self.adapter, tls_port, ws_port, authority.cafile, TENANT, seconds)
        self._process = psutil.Process(self.adapter.process.pid)
        self._quiet: list[float] = []

    def rest(self, seconds: float = QUIET_SECONDS) -> Times:
        """Measure without an attack."""
        self.honest.times()
        time.sleep(seconds)
        times = self.honest.times()
        self._quiet.append(times.p99)
        return times

    def play(self, attack: Attack) -> Row:
        """One attack, and what it came to."""
        before = self.honest.times()
        broken: list[str] = []
        try:
            told = asyncio.run(self._played(attack))
        except (AssertionError, OSError, EOFError) as error:
            told, broken = "", [f"{type(error).__name__}: {error}"]
        times = self.honest.times()
        row = Row(
            attack.name,
            told,
            times,
            statistics.median(self._quiet),
            self._process.memory_info().rss / MB,
            self._process.num_fds(),
            broken,
        )
        if times.thrown_out > before.thrown_out:
            broken.append(f"{times.thrown_out - before.thrown_out} honest connections lost")
        if not times.answers:
            broken.append("no honest message was answered")
        if row.rss > MOST_RSS:
            broken.append(f"RSS {row.rss:.0f} MB")
        return row

    async def _played(self, attack: Attack) -> str:
        try:
            return await attack.play(self.target)
        finally:
            await self.target.leave()

    def judged(self) -> tuple[Verdict, float]:
        """What Kafka has of the honest devices' messages; and the ledger's difference."""
        stories = self.honest.stop()
        metrics = self.adapter.metrics()
        difference = sum(abs(value) for (name, _), value in metrics.items() if name == "adapter_ledger_difference")
        names = {story.name.encode() for story in stories}
        sightings = []
        for record in read_all(self._kafka.bootstrap, f"hono.telemetry.{TENANT}"):
            device, _, rest = (record.value or b"").partition(b":")
            if device in names:
                number = int(rest.partition(b":")[0])
                sightings.append(Sighting(record.topic, record.partition, device.decode(), number))
        return judge(stories, sightings), difference

    def close(self) -> None:
        self.honest.close()
        self.adapter.close()


def rounds(siege: Siege, attack: Attack, count: int) -> Row:
    """Play it several times: the machine has its own moods. The p99 in the middle counts, and all that broke."""
    rows = []
    for _ in range(count):
        siege.rest()
        rows.append(siege.play(attack))
    middle = sorted(rows, key=lambda row: row.ratio)[count // 2]
    middle.broken = [broken for row in rows for broken in row.broken]
    return middle


def table(rows: list[Row]) -> str:
    lines = [list(COLUMNS), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def main() -> int:
    """Play them. Exit code 1: something did not hold."""
    parser = argparse.ArgumentParser(prog="make attacks", description=main.__doc__)
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each attack; the one in the middle counts")
    options = parser.parse_args()
    chosen = [attack for attack in ATTACKS.values() if options.only in attack.name]
    rows: list[Row] = []
    with KafkaBroker() as kafka, tempfile.TemporaryDirectory() as folder:
        siege = Siege(kafka, Path(folder))
        os.nice(5)  # attackers have machines of their own
        try:
            for _ in range(3):
                siege.rest()
            for attack in chosen:
                row = rounds(siege, attack, options.rounds)
                if row.ratio > MOST_TIMES:
                    row.broken.append(f"p99 {row.ratio:.1f} times as long")
                if row.times.ping > MOST_BLOCKED:
                    row.broken.append(f"a ping took {row.times.ping:.0f} ms")
                rows.append(row)
                sys.stderr.write(table([row]).splitlines()[1] + "\n")
            verdict, difference = siege.judged()
            code = siege.adapter.stop()
        finally:
            siege.close()
    sys.stdout.write(f"{table(rows)}\n\n{verdict}\nledger difference {difference:g}, exit code {code}\n")
    return int(any(row.broken for row in rows) or not verdict.good or bool(difference) or code != 0)


if __name__ == "__main__":
    sys.exit(main())
