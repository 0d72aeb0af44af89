"""`adapter.settings.security`: nothing that SASL and TLS need is missing, nothing that is set is ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapter.settings import load_settings
from tests.support.settings import problems

if TYPE_CHECKING:
    from pathlib import Path

PROTOCOL = "ADAPTER_KAFKA__SECURITY_PROTOCOL"
SASL = {
    "ADAPTER_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
    "ADAPTER_KAFKA__SASL_USERNAME": "adapter",
    "ADAPTER_KAFKA__SASL_PASSWORD": "x",
}


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """Make a file that can be read."""
    file = tmp_path / "x.pem"
    file.write_text("")
    return str(file)


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "sasl_ssl"])
@pytest.mark.parametrize("missing", list(SASL))
def test_sasl_needs_mechanism_user_name_and_password(protocol: str, missing: str) -> None:
    environ = {name: value for name, value in SASL.items() if name != missing}
    assert problems({PROTOCOL: protocol, **environ}) == (
        f"{missing}: is needed with {PROTOCOL}={protocol.upper()}; set it",
    )
    load_settings({PROTOCOL: protocol, **SASL})


@pytest.mark.parametrize("variable", list(SASL))
def test_what_only_sasl_uses_is_not_ignored_in_silence(variable: str) -> None:
    (line,) = problems({variable: SASL[variable], PROTOCOL: "SSL"})
    assert line.startswith(f"{variable}: ")
    assert line.endswith(f"is not used with {PROTOCOL}=SSL; remove it, or set that to SASL_SSL")


def test_what_only_tls_uses_is_not_ignored_in_silence(pem: str) -> None:
    (line,) = problems({"ADAPTER_KAFKA__SSL_CAFILE": pem})
    assert line.startswith("ADAPTER_KAFKA__SSL_CAFILE: ")
    assert line.endswith(f"is not used with {PROTOCOL}=PLAINTEXT; remove it, or set that to SSL or SASL_SSL")


def test_certificate_and_key_come_together(pem: str) -> None:
    certfile = "ADAPTER_KAFKA__SSL_CERTFILE"
    keyfile = "ADAPTER_KAFKA__SSL_KEYFILE"
    assert problems({PROTOCOL: "SSL", certfile: pem}) == (f"{keyfile}: is needed with {certfile}; set it",)
    assert problems({PROTOCOL: "SSL", keyfile: pem}) == (f"{certfile}: is needed with {keyfile}; set it",)
    assert problems({PROTOCOL: "SSL", "ADAPTER_KAFKA__SSL_KEY_PASSWORD": "x"}) == (
        f"{keyfile}: is needed with ADAPTER_KAFKA__SSL_KEY_PASSWORD; set it",
    )
    load_settings({PROTOCOL: "SSL", certfile: pem, keyfile: pem, "ADAPTER_KAFKA__SSL_KEY_PASSWORD": "x"})


@pytest.mark.parametrize("variable", ["CAFILE", "CERTFILE", "KEYFILE"])
def test_the_files_of_tls_can_be_read(variable: str, pem: str) -> None:
    environ = {f"ADAPTER_KAFKA__SSL_{name}": pem for name in ("CAFILE", "CERTFILE", "KEYFILE")}
    name = f"ADAPTER_KAFKA__SSL_{variable}"
    assert problems({PROTOCOL: "SSL", **environ, name: "/does/not/exist"}) == (
        f"{name}: '/does/not/exist' cannot be read (No such file or directory); fix the path or the file",
    )


def test_the_routes_file_can_be_read() -> None:
    assert problems({"ADAPTER_ROUTES_FILE": "/"}) == (
        "ADAPTER_ROUTES_FILE: '/' cannot be read (Is a directory); fix the path or the file",
    )


def test_the_embedded_broker_speaks_plaintext() -> None:
    assert problems({"ADAPTER_KAFKA__BOOTSTRAP_SERVERS": "embedded", PROTOCOL: "SSL"}) == (
        f"{PROTOCOL}: 'SSL' is not supported by the embedded broker; remove it, or name your brokers",
    )
