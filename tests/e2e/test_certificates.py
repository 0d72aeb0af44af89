"""TLS with certificates that are renewed, revoked, and stand for devices; addresses behind a load balancer."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import signal
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.support.adapter import Adapter
from tests.support.certificates import Authority, expired
from tests.support.command import command
from tests.support.kafka_broker import free_port
from tests.support.packets import PINGREQ, PINGRESP, connect, publish
from tests.support.records import read_all
from tests.support.until import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

SECONDS = 30.0
CONNACK_OK = b"\x20\x02\x00\x00"
REFUSED = b"\x20\x02\x00\x05"
WRONG_NAME = b"\x20\x02\x00\x04"


@dataclass
class Site:
    """An adapter that wants client certificates, and names devices by them."""

    adapter: Adapter
    authority: Authority
    folder: Path
    port: int
    variables: dict[str, str]

    def context(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.cafile))
        # What is wrong with its certificate a client hears in TLS 1.3 only when it reads.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context

    def open(self, certificate: tuple[Path, Path] | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        return self.context(certificate).wrap_socket(plain, server_hostname="127.0.0.1")

    def serial(self) -> str:
        """Of the certificate that the adapter shows now."""
        with self.open(self.device) as device:
            shown = device.getpeercert()
            assert shown is not None
            return str(shown["serialNumber"])

    def revoke(self, *certificates: Path) -> None:
        """Write the authority's revocation list."""
        authority = x509.load_pem_x509_certificate(self.authority.cafile.read_bytes())
        key = serialization.load_pem_private_key(self.authority.cafile.with_suffix(".key").read_bytes(), None)
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateRevocationListBuilder(authority.subject, now, now + dt.timedelta(days=1))
        for each in certificates:
            serial = x509.load_pem_x509_certificate(each.read_bytes()).serial_number
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(revoked)
        crl = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
        # As certificate tools do it: a whole file takes the old one's place.
        new = self.folder / "crl.new"
        new.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
        new.replace(self.folder / "crl.pem")

    @property
    def device(self) -> tuple[Path, Path]:
        return self.folder / "sensor1@demo.pem", self.folder / "sensor1@demo.key"


@pytest.fixture
def site(own_kafka: KafkaBroker, tmp_path: Path) -> Iterator[Site]:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("server")
    authority.sign("sensor1@demo")
    port = free_port()
    variables = {
        "KAFKA__BOOTSTRAP_SERVERS": own_kafka.bootstrap,
        "AUTH__REQUIRED": "true",
        "AUTH__CERTIFICATE_IDENTITY": "CN={device}@{tenant}",
        "TLS__PORT": str(port),
        "TLS__CERTFILE": str(certificate),
        "TLS__KEYFILE": str(key),
        "TLS__CLIENT_CERTIFICATES": "optional",
        "TLS__CAFILE": str(authority.cafile),
        "TLS__CRLFILE": str(tmp_path / "crl.pem"),
    }
    adapter = Adapter(own_kafka.bootstrap, **variables)
    site = Site(adapter, authority, tmp_path, port, variables)
    site.revoke()
    with site.adapter:
        yield site


def wait(condition: Callable[[], bool]) -> None:
    asyncio.run(until(condition))


def answer(device: socket.socket, sent: bytes, size: int) -> bytes:
    device.sendall(sent)
    received = b""
    while len(received) < size and (more := device.recv(size - len(received))):
        received += more
    return received


def test_a_device_is_who_its_certificate_says(site: Site, own_kafka: KafkaBroker) -> None:
    own_kafka.create_topic("hono.telemetry.demo", 1)
    with site.open(site.device) as device:
        assert answer(device, connect("any"), 4) == CONNACK_OK
        assert answer(device, publish("telemetry", b"1"), 4) == b"\x40\x02\x00\x01"
    [record] = read_all(own_kafka.bootstrap, "hono.telemetry.demo")
    assert (record.key, record.value) == (b"sensor1", b"1")
    assert dict(record.headers)["device_id"] == b"sensor1"
    with site.open() as nobody:
        assert answer(nobody, connect("any", username="sensor1@demo"), 4) == REFUSED
    with site.open(site.device) as other:
        assert answer(other, connect("any", username="sensor2@demo"), 4) == WRONG_NAME


@pytest.mark.parametrize("how", ["SIGHUP", "the files change"])
def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on(site: Site, how: str) -> None:
    before = site.serial()
    with site.open(site.device) as old:
        assert answer(old, connect("old"), 4) == CONNACK_OK
        site.authority.sign("server")
        if how == "SIGHUP":
            site.adapter.process.send_signal(signal.SIGHUP)
        wait(lambda: site.serial() != before)
        assert answer(old, PINGREQ, 2) == PINGRESP
    assert any(line["event"] == "certificates reloaded" for line in site.adapter.log_lines())


def test_files_that_cannot_be_used_leave_the_certificate_as_it_is(site: Site) -> None:
    before = site.serial()
    (site.folder / "server.pem").write_text("half of it")
    site.adapter.process.send_signal(signal.SIGHUP)
    wait(lambda: "certificates cannot be reloaded, the old ones stay" in site.adapter.output())
    assert site.serial() == before


def test_a_revoked_certificate_is_refused(site: Site) -> None:
    with site.open(site.device) as device:
        assert answer(device, connect("any"), 4) == CONNACK_OK
    site.revoke(site.device[0])
    site.adapter.process.send_signal(signal.SIGHUP)
    wait(lambda: "certificates reloaded" in site.adapter.output())
    with pytest.raises(ssl.SSLError, match="REVOKED"):
        site.open(site.device)
    wait(lambda: "certificate revoked" in site.adapter.output())


def test_versions_of_tls_before_1_2_are_not_spoken(site: Site) -> None:
    context = site.context(site.device)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", site.port), timeout=SECONDS)
    with plain, pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL"):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_check_looks_at_the_certificates_of_the_listeners(site: Site) -> None:
    site.adapter.stop()
    found = json.loads(command("check", "--json", **site.variables).stdout)["findings"]
    certificates = {each["subject"]: each["verdict"] for each in found if each["check"] == "certificate"}
    assert certificates == dict.fromkeys((f"ADAPTER_TLS__{file}" for file in ("CERTFILE", "CAFILE", "CRLFILE")), "ok")
    certificate, key = site.folder / "server.pem", site.folder / "server.key"
    certificate.write_bytes(expired(certificate, key).read_bytes())
    done = command("check", "--json", **site.variables)
    [over] = [each for each in json.loads(done.stdout)["findings"] if each["subject"] == "ADAPTER_TLS__CERTFILE"]
    assert over["verdict"] == "failed"
    assert done.returncode == 1
