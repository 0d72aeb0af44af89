"""Every way in, with programs that devices use, and a real Kafka behind it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.adapter import Adapter
from tests.support.certificates import Authority
from tests.support.kafka_broker import free_port
from tests.support.records import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.kafka_broker import KafkaBroker

SECONDS = 30.0


@dataclass
class Site:
    """An adapter with all its listeners open."""

    adapter: Adapter
    authority: Authority
    ports: dict[str, int]


@pytest.fixture(scope="module")
def site(kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "authority")
    certificate, key = authority.sign("server")
    ports = {name: free_port() for name in ("tls", "ws", "wss")}
    with Adapter(
        kafka.bootstrap,
        TLS__PORT=str(ports["tls"]),
        TLS__CERTFILE=str(certificate),
        TLS__KEYFILE=str(key),
        WS__PORT=str(ports["ws"]),
        WSS__PORT=str(ports["wss"]),
    ) as adapter:
        yield Site(adapter, authority, ports)


@pytest.mark.parametrize("way", ["tls", "ws", "wss"])
def test_paho_publishes_and_has_its_pubacks(
    site: Site, kafka: KafkaBroker, unique: Callable[[str], str], way: str
) -> None:
    tenant = unique("way")
    kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    client = Client(CallbackAPIVersion.VERSION2, f"{way}-device", transport="websockets" if "ws" in way else "tcp")
    if way != "ws":
        client.tls_set(str(site.authority.cafile))
    client.max_inflight_messages_set(50)
    client.connect("127.0.0.1", site.ports[way])
    client.loop_start()
    payloads = [b"%d" % size + b"x" * size for size in (0, 1, 100, 17_000, 200_000)] * 20
    published = [client.publish(f"telemetry/{tenant}/d1", payload, 1) for payload in payloads]
    for one in published:
        one.wait_for_publish(SECONDS)
        assert one.is_published()
    client.disconnect()
    client.loop_stop()
    records = read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")
    assert [record.value for record in records] == payloads


def test_mosquitto_publishes_over_tls(site: Site, kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    tenant = unique("mosquitto")
    kafka.create_topic(f"hono.telemetry.{tenant}", 1)
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(site.ports["tls"]), "--cafile", str(site.authority.cafile)]
    subprocess.run([*command, "-q", "1", "-t", f"telemetry/{tenant}/d1", "-m", "hello"], check=True, timeout=SECONDS)
    assert [record.value for record in read_all(kafka.bootstrap, f"hono.telemetry.{tenant}")] == [b"hello"]
