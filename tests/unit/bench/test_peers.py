"""What the peers are given."""

import json
from pathlib import Path

from amqtt.contexts import BaseContext
from amqtt.plugins.authentication import FileAuthPlugin
from amqtt.session import Session

from tests.bench.peers.adapter import PASSWORD, Adapter, password_file
from tests.bench.peers.aedes_kafkajs import HERE, AedesKafkajs
from tests.bench.peers.amqtt_broker import AmqttBroker
from tests.bench.peers.base import Site
from tests.bench.shapes import SHAPES


def site(directory: Path) -> Site:
    return Site("20x20-1", directory, 1883, "localhost:9092", SHAPES["20x20"])


async def test_the_password_file_lets_every_device_in(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(password_file("bench", 3))
    context = BaseContext()
    context.config = {"auth": {"password-file": str(file)}}
    plugin = FileAuthPlugin(context)  # type: ignore[arg-type] # it looks at the configuration and the logger only
    answers = []
    for username, password in (("device2@bench", PASSWORD), ("device3@bench", PASSWORD), ("device2@bench", "other")):
        session = Session()
        session.username, session.password = username, password
        answers.append(await plugin.authenticate(session=session))
    assert answers == [True, False, False]


def test_devices_of_the_adapter_belong_to_the_tenant_whose_topic_is_watched(tmp_path: Path) -> None:
    adapter = Adapter()
    device = adapter.load(site(tmp_path)).device(3)
    assert (device.username, device.topic) == ("device3@20x20-1", "telemetry")
    assert adapter.topic(site(tmp_path)) == "hono.telemetry.20x20-1"


def test_all_peers_get_the_same_publishes(tmp_path: Path) -> None:
    sent = {
        peer.load(site(tmp_path)).device(3).publish_packet(9) for peer in (Adapter(), AedesKafkajs(), AmqttBroker())
    }
    assert len(sent) == 1


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
