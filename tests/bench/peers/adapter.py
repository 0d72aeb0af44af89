"""The adapter as operators run it: password file, record headers, metrics, default settings."""

import json
import sys
from collections.abc import Mapping
from importlib.metadata import version

from argon2 import PasswordHasher

from adapter import __version__
from tests.bench.load import Load
from tests.bench.peers.base import Command, Site
from tests.support.kafka_broker import free_port

PASSWORD = "bench"  # noqa: S105 - of devices that exist for seconds
PLUGIN = "amqtt.plugins.authentication.FileAuthPlugin"


def password_file(tenant: str, devices: int) -> str:
    """Entries for all devices, with the cheapest hash that Argon2 allows: connecting is not what is measured."""
    entry = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    return "".join(f"device{number}@{tenant}:{entry}\n" for number in range(devices))


class Adapter:
    """`python -m adapter run`."""

    name = "adapter"
    title = "adapter"
    conditions = "default settings, password file, all record headers, metrics; PUBACK after acks=all"
    to_kafka = True

    def topic(self, site: Site) -> str:
        """By the record contract; every measurement is a tenant of its own."""
        return f"hono.telemetry.{site.name}"

    def command(self, site: Site) -> Command:
        """With authentication on."""
        passwords = site.directory / "passwords"
        passwords.write_text(password_file(site.name, site.shape.connections))
        environ = {
            "ADAPTER_MQTT__HOST": "127.0.0.1",
            "ADAPTER_MQTT__PORT": str(site.port),
            "ADAPTER_HTTP__HOST": "127.0.0.1",
            "ADAPTER_HTTP__PORT": str(free_port()),
            "ADAPTER_KAFKA__BOOTSTRAP_SERVERS": site.bootstrap_servers,
            "ADAPTER_AUTH__PLUGINS": json.dumps({PLUGIN: {"password_file": str(passwords)}}),
        }
        return Command((sys.executable, "-m", "adapter", "run"), environ)

    def load(self, site: Site) -> Load:
        """Hono's shortest topic: who publishes is known from authentication."""
        return Load(
            port=site.port,
            connections=site.shape.connections,
            window=site.shape.window,
            qos=site.shape.qos,
            topic="telemetry",
            username=f"device{{n}}@{site.name}",
            password=PASSWORD,
        )

    def versions(self) -> Mapping[str, str]:
        """Its own, and of what it stands on."""
        return {"adapter": __version__, "aiokafka": version("aiokafka"), "uvloop": version("uvloop")}
