"""One measurement: a fresh server, its devices, a warm-up, a measured run, and a look into Kafka afterwards."""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench import limit
from tests.bench.kafka_topics import KafkaTopics
from tests.bench.peers.base import Peer, Site
from tests.bench.processes import LoadGenerator, Server
from tests.bench.results import Result
from tests.bench.shapes import Shape
from tests.support.kafka_broker import free_port

WARM_SECONDS = 2.0  # longer than node and the broker's JVM need to compile what is hot
WARM_MESSAGES_QOS_0 = 100_000
FIRST_IDLE = 50  # connections before the memory of the others is measured: what loads once is not theirs
QUIET_SECONDS = 5.0  # without a new record: Kafka has all that it will get
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Bench:
    """What all measurements of a bench share. `seconds` and `messages` bound a run; None: the shape's own."""

    bootstrap_servers: str
    topics: KafkaTopics
    seconds: float
    messages: int | None

    def limit(self, round_number: int) -> Result:
        """Kafka's own benchmark."""
        topic = f"limit.{round_number}"
        self.topics.create(topic)
        result = limit.measure(self.bootstrap_servers, topic, round_number)
        self.topics.delete(topic)
        return result

    def measure(self, peer: Peer, shape: Shape, round_number: int) -> Result:
        """One system in one shape."""
        name = f"{shape.name}-{round_number}"
        with tempfile.TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
            site = Site(name, Path(directory), free_port(), self.bootstrap_servers, shape)
            topic = peer.topic(site)
            self.topics.create(topic)
            stack.callback(self.topics.delete, topic)
            command = peer.command(site)
            server = stack.enter_context(
                Server(command.arguments, command.environ, site.port, Path(directory) / "server.log")
            )
            if shape.idle:
                return self._idle(peer, site, server, round_number)
            load = stack.enter_context(LoadGenerator(peer.load(site)))
            if shape.qos:
                return self._acknowledged(peer, site, server, load, round_number)
            return self._unacknowledged(peer, site, server, load, round_number)

    def _acknowledged(self, peer: Peer, site: Site, server: Server, load: LoadGenerator, round_number: int) -> Result:
        limit = self.messages or site.shape.messages
        warm = load.run(WARM_SECONDS, limit)
        cpu, load_cpu = server.cpu_seconds(), load.cpu_seconds()
        measured = load.run(self.seconds, limit)
        cpu, load_cpu = server.cpu_seconds() - cpu, load.cpu_seconds() - load_cpu
        missing = None
        if peer.to_kafka:
            missing = warm.messages + measured.messages - self.topics.records(peer.topic(site))
        return Result(
            system=peer.name,
            shape=site.shape.name,
            round=round_number,
            messages=measured.messages,
            seconds=measured.seconds,
            rate=measured.messages / measured.seconds,
            cpu_us=cpu / measured.messages * 1e6,
            load_cpu_us=load_cpu / measured.messages * 1e6,
            p50_ms=measured.p50,
            p99_ms=measured.p99,
            disordered=warm.disordered + measured.disordered,
            missing=missing,
            rss_mib=server.rss_kib() / 1024,
        )

    def _unacknowledged(self, peer: Peer, site: Site, server: Server, load: LoadGenerator, round_number: int) -> Result:
        topic = peer.topic(site)
        warm = load.run(WARM_SECONDS, WARM_MESSAGES_QOS_0).messages
        warmed, _ = self._arrived(topic, warm)
        cpu, load_cpu = server.cpu_seconds(), load.cpu_seconds()
        started = time.perf_counter()
        sent = load.run(self.seconds, self.messages or site.shape.messages).messages
        arrived, ended = self._arrived(topic, warm + sent)
        cpu, load_cpu = server.cpu_seconds() - cpu, load.cpu_seconds() - load_cpu
        return Result(
            system=peer.name,
            shape=site.shape.name,
            round=round_number,
            messages=arrived - warmed,
            seconds=ended - started,
            rate=(arrived - warmed) / (ended - started),
            cpu_us=cpu / (arrived - warmed) * 1e6,
            load_cpu_us=load_cpu / sent * 1e6,
            missing=warm + sent - arrived,
            rss_mib=server.rss_kib() / 1024,
        )

    def _arrived(self, topic: str, expected: int) -> tuple[int, float]:
        """Wait until Kafka holds so many records, or no more come; how many, and since when (perf_counter)."""
        records, since = self.topics.records(topic), time.perf_counter()
        while records < expected and time.perf_counter() - since < QUIET_SECONDS:
            time.sleep(POLL_SECONDS)
            now = self.topics.records(topic)
            if now != records:
                records, since = now, time.perf_counter()
        return records, since

    def _idle(self, peer: Peer, site: Site, server: Server, round_number: int) -> Result:
        whole = peer.load(site)
        few = LoadGenerator(whole.part(0, FIRST_IDLE))
        rest = LoadGenerator(whole.part(FIRST_IDLE, whole.connections))
        with few:
            before = server.rss_kib()
            with rest:
                after = server.rss_kib()
        return Result(
            system=peer.name,
            shape=site.shape.name,
            round=round_number,
            idle_kib=(after - before) / (whole.connections - FIRST_IDLE),
            rss_mib=after / 1024,
        )
