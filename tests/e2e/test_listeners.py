"""Every way in, with programs that devices use, and a real Kafka behind it."""

from __future__ import annotations

import socket
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.adapter import Adapter
from tests.support.certificates import Authority
from tests.support.kafka_broker import free_port
from tests.support.packets import connect
from tests.support.records import read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

SECONDS = 30.0


@dataclass
class Site:
    """An adapter with all its listeners open."""

    adapter: Adapter
    authority: Authority
    ports: dict[str, int]
    unix_socket: Path

    def say(self, data: bytes, size: int, source: str | None = None, family: int = socket.AF_INET) -> bytes:
        """Send to the plain listener, and return what comes, up to `size` bytes."""
        with socket.socket(family) as device:
            device.settimeout(SECONDS)
            if source is not None:
                device.bind((source, 0))
            device.connect(str(self.unix_socket) if family == socket.AF_UNIX else ("127.0.0.1", self.adapter.port))
            device.sendall(data)
            received = b""
            while len(received) < size and (more := device.recv(size)):
                received += more
            return received


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
        WS__HOST="127.0.0.1,::1",
        MQTT__UNIX_SOCKET=str(folder / "mqtt.sock"),
        MQTT__PROXY_PROTOCOL_FROM="127.0.0.2, 127.0.1.0/24",
    ) as adapter:
        yield Site(adapter, authority, ports, folder / "mqtt.sock")


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


CONNACK_OK = b"\x20\x02\x00\x00"


def test_a_unix_socket_takes_devices_too(site: Site) -> None:
    assert site.say(connect(), 4, family=socket.AF_UNIX) == CONNACK_OK


def test_a_listener_has_as_many_addresses_as_it_is_told(site: Site) -> None:
    for address in ("127.0.0.1", "::1"):
        client = Client(CallbackAPIVersion.VERSION2, transport="websockets")
        connected = threading.Event()
        client.on_connect = lambda *_, event=connected: event.set()
        client.connect(address, site.ports["ws"])
        client.loop_start()
        assert connected.wait(SECONDS)
        client.disconnect()
        client.loop_stop()


V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 1883\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, 10, 192, 0, 2, 1, 0xC3, 0x50, 0x07, 0x5B])


@pytest.mark.parametrize(("header", "source", "address"), [
    (V1, "127.0.0.2", "203.0.113.9"),
    (V2, "127.0.1.77", "203.0.113.10"),
])  # fmt: skip
def test_a_load_balancers_word_on_the_address_is_taken(site: Site, header: bytes, source: str, address: str) -> None:
    assert site.say(header + connect(), 4, source) == CONNACK_OK
    assert site.say(header + b"\0\0", 1, source) == b""
    assert any(line.get("peer") == address for line in site.adapter.log_lines())


def test_nobody_else_may_send_a_proxy_header_and_a_load_balancer_must(site: Site) -> None:
    assert site.say(V1 + connect(), 1) == b""
    assert site.say(connect(), 1, "127.0.0.2") == b""
    assert site.say(connect(), 4) == CONNACK_OK
