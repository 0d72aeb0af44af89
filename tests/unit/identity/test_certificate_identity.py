"""Devices that TLS knows by their certificate: the operator's pattern, and amqtt's certificate plugin."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.errors import ConfigurationError, ConnectRefusedError
from adapter.identity.gatekeeper import IdentityConfig, check_plugins
from adapter.identity.passwd import password_entry
from adapter.model import Identity
from adapter.peer import Certificate, Peer
from adapter.reasons import ReasonCode
from tests.support.gate import FILE, config, connect, gatekeeper

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.model import Connect

CERTIFICATE_PLUGIN = "amqtt.contrib.cert.UserAuthCertPlugin"
PATTERN = "CN={device}@{tenant}"
NAMED = Identity("c1", "sensor1@demo", "demo", "sensor1")
NOT_AUTHORIZED = ReasonCode.NOT_AUTHORIZED
WRONG = ReasonCode.BAD_USER_NAME_OR_PASSWORD


def shown(*names: tuple[str, str], der: bytes = b"") -> Peer:
    return Peer("192.0.2.7", Certificate(names, der))


SENSOR = shown(("CN", "sensor1@demo"))
STRANGER = shown(("CN", "somebody"))
NOTHING = Peer("192.0.2.7")


async def answer(identity: IdentityConfig, packet: Connect, peer: Peer) -> Identity | ReasonCode:
    async with gatekeeper(identity) as gate:
        try:
            return replace(await gate.authenticate(packet, peer), plugin_session=None)
        except ConnectRefusedError as error:
            return error.code


def by_certificate(**plugins: dict[str, str]) -> IdentityConfig:
    return replace(config(plugins), certificate_identity=PATTERN)


async def test_a_certificate_names_the_device() -> None:
    assert await answer(by_certificate(), connect(), SENSOR) == NAMED
    assert await answer(by_certificate(), connect("sensor1@demo"), SENSOR) == NAMED


async def test_a_device_cannot_be_another_than_its_certificate_says() -> None:
    assert await answer(by_certificate(), connect("sensor2@demo"), SENSOR) == WRONG
    assert await answer(by_certificate(), connect("sensor1@other"), SENSOR) == WRONG


@pytest.mark.parametrize("peer", [STRANGER, NOTHING])
async def test_who_shows_no_certificate_that_names_a_device_is_not_let_in(peer: Peer) -> None:
    assert await answer(by_certificate(), connect("sensor1@demo"), peer) == NOT_AUTHORIZED


@pytest.mark.parametrize("peer", [STRANGER, NOTHING])
async def test_it_may_show_a_password_where_there_is_a_plugin_for_it(tmp_path: Path, peer: Peer) -> None:
    file = tmp_path / "passwords"
    file.write_text(password_entry("sensor1@demo", "secret") + "\n")
    both = by_certificate(**{FILE: {"password_file": str(file)}})
    assert await answer(both, connect("sensor1@demo", "secret"), peer) == NAMED
    assert await answer(both, connect("sensor1@demo", "wrong"), peer) == WRONG
    assert await answer(both, connect(), peer) == NOT_AUTHORIZED
    # Who is named by its certificate needs none; one that it shows must be right.
    assert await answer(both, connect(), SENSOR) == NAMED
    assert await answer(both, connect("sensor1@demo", "wrong"), SENSOR) == WRONG


async def test_a_certificate_may_name_a_gateway() -> None:
    gateways = replace(config({}, gateways=("sensor?@demo",)), certificate_identity=PATTERN)
    assert await answer(gateways, connect(), SENSOR) == replace(NAMED, gateway=True)


def test_without_pattern_and_plugins_nobody_could_connect() -> None:
    with pytest.raises(ConfigurationError, match="no device could connect"):
        check_plugins(config({}))
    check_plugins(by_certificate())


@functools.cache
def certificate(uri: str) -> Peer:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    now = dt.datetime.now(dt.UTC)
    alternatives = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    return shown(("CN", "device"), ("uri", uri), der=made.public_bytes(serialization.Encoding.DER))


PLUGIN = {CERTIFICATE_PLUGIN: {"uri_domain": "example.com"}}


async def test_amqtts_certificate_plugin_lets_in_the_client_identifier_that_the_certificate_names() -> None:
    peer = certificate("spiffe://example.com/device/c1")
    assert await answer(config(PLUGIN), connect(), peer) == Identity("c1")
    assert await answer(config(PLUGIN), connect(client_id="c2"), peer) == NOT_AUTHORIZED
    assert await answer(config(PLUGIN), connect(), certificate("spiffe://elsewhere/device/c1")) == NOT_AUTHORIZED
    assert await answer(config(PLUGIN), connect(), NOTHING) == NOT_AUTHORIZED


async def test_amqtts_certificate_plugin_verifies_no_user_name() -> None:
    peer = certificate("spiffe://example.com/device/c1")
    assert await answer(config(PLUGIN), connect("sensor1@demo"), peer) == Identity("c1", "sensor1@demo")


async def test_amqtts_certificate_plugin_and_the_pattern_must_both_agree() -> None:
    both = replace(config(PLUGIN), certificate_identity="uri=spiffe://example.com/device/{device},tenant=demo")
    peer = certificate("spiffe://example.com/device/c1")
    assert await answer(both, connect(), peer) == Identity("c1", "c1@demo", "demo", "c1")
    assert await answer(both, connect(client_id="c2"), peer) in {NOT_AUTHORIZED, WRONG}
