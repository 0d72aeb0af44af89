"""amqtt's stock broker, anonymous, without any plugin that logs: the baseline. No Kafka stands behind it."""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version

from tests.bench.load import Load
from tests.bench.peers.base import Command, Site


class AmqttBroker:
    """`amqtt`, acknowledging on receipt."""

    name = "amqtt"
    title = "amqtt (no Kafka)"
    conditions = "stock broker, no authentication; PUBACK on receipt, nothing stored"
    to_kafka = False

    def topic(self, site: Site) -> str:
        """Stays empty."""
        return f"amqtt.{site.name}"

    def command(self, site: Site) -> Command:
        """Its own command line with its own configuration file."""
        config = site.directory / "amqtt.yaml"
        settings = {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{site.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        config.write_text(json.dumps(settings))  # JSON is YAML
        return Command((sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(config)))

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
        """Its own."""
        return {"amqtt": version("amqtt")}
