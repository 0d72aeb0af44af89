"""aedes with kafkajs, see `aedes/server.mjs`; `npm ci` in that directory installs it."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.bench.load import Load
from tests.bench.peers.base import Command, Site

HERE = Path(__file__).parent / "aedes"


class AedesKafkajs:
    """Node's MQTT broker, acknowledging after `producer.send` with acks -1."""

    name = "aedes"
    title = "aedes + kafkajs"
    conditions = "no authentication, no record headers; PUBACK after acks=all, idempotent"
    to_kafka = True

    def topic(self, site: Site) -> str:
        """One for each measurement."""
        return f"aedes.{site.name}"

    def command(self, site: Site) -> Command:
        """Without authentication."""
        return Command(("node", str(HERE / "server.mjs"), str(site.port), site.bootstrap_servers, self.topic(site)))

    def load(self, site: Site) -> Load:
        """The same packets as for the adapter."""
        return Load(
            port=site.port,
            connections=site.shape.connections,
            window=site.shape.window,
            qos=site.shape.qos,
            topic="telemetry",
        )

    def versions(self) -> Mapping[str, str]:
        """Of the lock file, and of node."""
        locked = json.loads((HERE / "package.json").read_text())["dependencies"]
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
        return {**locked, "node": node.removeprefix("v")}
