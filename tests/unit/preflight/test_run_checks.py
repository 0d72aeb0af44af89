"""`adapter.preflight.run_checks`: what the settings name is checked. With a broker: tests/e2e/test_check.py."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapter.preflight.finding import Finding, Verdict
from adapter.preflight.names import Asked
from adapter.preflight.run_checks import Here, preflight
from adapter.settings import EMBEDDED, load_settings
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


async def found(**variables: str) -> dict[str, Finding]:
    """Check settings without Kafka, and return subject → finding."""
    plain = {"ADAPTER_KAFKA__BOOTSTRAP_SERVERS": EMBEDDED, "ADAPTER_AUTH__REQUIRED": "false"}
    settings = load_settings(plain | {f"ADAPTER_{name}": value for name, value in variables.items()})
    findings = await preflight(settings, Asked((), ()), Here(time.time, 1 << 20, 100), 1.0)
    return {finding.subject: finding for finding in findings}


async def test_the_unix_socket_is_among_the_listeners_that_are_checked(tmp_path: Path) -> None:
    name = "ADAPTER_MQTT__UNIX_SOCKET"
    assert name not in await found()
    there = await found(MQTT__UNIX_SOCKET=f"{tmp_path}/mqtt.sock")
    assert there[name].verdict is Verdict.OK
    missing = await found(MQTT__UNIX_SOCKET=f"{tmp_path}/no/mqtt.sock")
    assert missing[name].verdict is Verdict.FAILED
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - nothing else runs


async def test_an_expired_revocation_list_fails(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("server")
    path = tmp_path / "lists.pem"
    now = datetime.now(UTC)
    for days, verdict in ((-1, Verdict.FAILED), (365, Verdict.OK)):
        one = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .last_update(now - timedelta(days=2))
            .next_update(now + timedelta(days=days))
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
        )
        path.write_bytes(one.public_bytes(serialization.Encoding.PEM))
        findings = await found(
            TLS__PORT="0",
            TLS__CERTFILE=str(certificate),
            TLS__KEYFILE=str(key),
            TLS__CAFILE=str(authority.cafile),
            TLS__CLIENT_CERTIFICATES="required",
            TLS__CRLFILE=str(path),
        )
        assert findings["ADAPTER_TLS__CRLFILE"].verdict is verdict
