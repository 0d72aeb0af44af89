"""A real single-node Kafka (KRaft) as a child process; `python -m tests.support.kafka_broker` runs one."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from tests.support.kafka_dist import CURRENT, ensure_kafka

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

START_SECONDS = 90.0
STOP_SECONDS = 30.0
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners={clients},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={clients}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.partitions=4
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.segment.bytes=67108864
"""

LOGGING = """\
<Configuration status="ERROR">
  <Appenders><Console name="out" target="SYSTEM_ERR"><PatternLayout pattern="%d %p %c %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class KafkaBroker:
    """Ports and data stay the same over `stop`, `kill` and `restart`. Topics are made on purpose, by `create_topic`.

    `auto.create.topics.enable` is left at Kafka's default, which is true: so a client that names a missing topic in a
    metadata request is found out. `fast_start` trades the JVM's best compiler for a quick start: not for benchmarks.
    `secure` names further listeners by their security protocol; `properties` has what they need, line by line. A
    broker that is started again may be of another `release`.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        fast_start: bool = True,
        heap: str = "512m",
        secure: Iterable[str] = (),
        properties: str = "",
    ) -> None:
        self.port = port or free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.secure = {protocol: f"127.0.0.1:{free_port()}" for protocol in secure}
        self._properties = properties
        self.release = CURRENT
        self._controller = free_port()
        self._fast_start = fast_start
        self._heap = heap
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: AdminClient | None = None

    # -- the process -------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Of the broker that runs."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the broker wrote."""
        return self._folder / "broker.log"

    def start(self) -> Self:
        """Start, and wait until it answers."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Start, and do not wait: a node of a cluster answers only when others are there."""
        properties = self._folder / "server.properties"
        if not properties.exists():
            properties.write_text(self._configuration())
            (self._folder / "log4j2.xml").write_text(LOGGING)
            form = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
            subprocess.run(self._java(*form), check=True, capture_output=True, timeout=START_SECONDS)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(properties)), stdout=log, stderr=log, start_new_session=True
            )

    @property
    def data(self) -> Path:
        """Where its records are."""
        return self._folder / "data"

    def _configuration(self) -> str:
        listeners = {"PLAINTEXT": self.bootstrap, **self.secure}
        clients = ",".join(f"{protocol}://{address}" for protocol, address in listeners.items())
        return PROPERTIES.format(clients=clients, controller=self._controller, data=self.data) + self._properties

    def _java(self, *arguments: str) -> list[str]:
        flags = (
            [f"-Xmx{self._heap}", "-XX:+UseSerialGC"]
            if self._fast_start
            else [f"-Xms{self._heap}", f"-Xmx{self._heap}"]
        )
        if self._fast_start:
            flags += ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}"
        return ["java", *flags, logging, "-cp", f"{ensure_kafka(self.release)}/*", *arguments]

    def wait_ready(self) -> None:
        """Return when the broker answers requests."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"Kafka ended with {self._process.returncode}:\n{self.log.read_text()[-4000:]}")
            try:
                if self.admin.list_topics(timeout=2).brokers:
                    return
            except KafkaException:
                self._admin = None
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not answer in time:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process, signal.SIGCONT)
        self._signal(process, number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(process, signal.SIGKILL)
            process.wait()

    def pause(self) -> None:
        """Freeze it: it keeps its connections, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if process.poll() is None:
            os.kill(process.pid, number)

    def close(self) -> None:
        """End it, and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- topics --------------------------------------------------------------------------------------------------------

    @property
    def admin(self) -> AdminClient:
        """An administrator."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self._admin

    def create_topic(self, name: str, partitions: int = 4, config: dict[str, str] | None = None) -> str:
        """Make a topic, and return its name when every partition has a leader."""
        self.admin.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result(30)
        self._wait_for_partitions(name, partitions)
        return name

    def add_partitions(self, name: str, partitions: int) -> None:
        """Let a topic have so many partitions in all."""
        self.admin.create_partitions([NewPartitions(name, partitions)])[name].result(30)
        self._wait_for_partitions(name, partitions)

    def delete_topic(self, name: str) -> None:
        """Remove a topic."""
        self.admin.delete_topics([name])[name].result(30)

    def topics(self) -> set[str]:
        """The names of all topics that there are."""
        return set(self.admin.list_topics(timeout=10).topics)

    def _wait_for_partitions(self, name: str, partitions: int) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            topic = self.admin.list_topics(timeout=10).topics.get(name)
            if topic is not None and sum(p.leader >= 0 for p in topic.partitions.values()) == partitions:
                return
        raise RuntimeError(f"the topic {name} has no leaders")


DEMO_TOPICS = ("hono.telemetry.demo", "hono.event.demo")


def main() -> int:
    """Run a broker until Ctrl-C."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=9092)
    port = parser.parse_args().port
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    broker = KafkaBroker(port=port)
    try:
        broker.start()
        for topic in DEMO_TOPICS:
            broker.create_topic(topic)
        sys.stdout.write(
            f"\nKafka listens on localhost:{port}, with the topics {' and '.join(DEMO_TOPICS)}.\n"
            f"Run the adapter against it: ADAPTER_KAFKA__BOOTSTRAP_SERVERS=localhost:{port} "
            "ADAPTER_AUTH__REQUIRED=false .venv/bin/python -m adapter run\n"
            "Ctrl-C ends it and removes its data.\n\n"
        )
        sys.stdout.flush()
        signal.pause()
    except KeyboardInterrupt:
        pass
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        broker.stop()
        broker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
