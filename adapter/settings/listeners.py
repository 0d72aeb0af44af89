"""The rules for the listeners: settings that TLS needs, and settings that would be ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError
from adapter.identity.certificate import VARIABLE as CERTIFICATE_IDENTITY
from adapter.identity.certificate import CertificateNames
from adapter.settings.kinds import ClientCertificates
from adapter.settings.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.settings.root import Settings

TLS_PORT = "ADAPTER_TLS__PORT"
WSS_PORT = "ADAPTER_WSS__PORT"
CERTFILE = "ADAPTER_TLS__CERTFILE"
KEYFILE = "ADAPTER_TLS__KEYFILE"
KEY_PASSWORD = "ADAPTER_TLS__KEY_PASSWORD"  # noqa: S105 - the name of a variable
CLIENT_CERTIFICATES = "ADAPTER_TLS__CLIENT_CERTIFICATES"
CAFILE = "ADAPTER_TLS__CAFILE"
CRLFILE = "ADAPTER_TLS__CRLFILE"


def check_listeners(settings: Settings) -> Iterator[Problem]:
    """Find the settings that the encrypted listeners lack, and those that no listener uses."""
    tls = settings.tls
    for port, value in ((TLS_PORT, tls.port), (WSS_PORT, settings.wss.port)):
        if value is not None and tls.certfile is None:
            yield Problem(CERTFILE, None, f"is needed with {port}={value}; set it", (port,))
            break
    if not uses_tls(settings):
        unused = {CERTFILE: tls.certfile, KEYFILE: tls.keyfile, KEY_PASSWORD: tls.key_password, CAFILE: tls.cafile}
        for variable, given in unused.items():
            if given is not None:
                text = f"is not used without {TLS_PORT} or {WSS_PORT}; set one of them, or remove it"
                yield Problem(variable, None, text, (TLS_PORT, WSS_PORT))
    if tls.client_certificates is ClientCertificates.OFF:
        for variable, file in ((CAFILE, tls.cafile), (CRLFILE, tls.crlfile)):
            if file is not None and uses_tls(settings):
                text = f"is not used with {CLIENT_CERTIFICATES}=off; remove it, or set that to optional or required"
                yield Problem(variable, None, text, (CLIENT_CERTIFICATES,))
    elif tls.cafile is None:
        text = f"is needed with {CLIENT_CERTIFICATES}={tls.client_certificates.value}; set it"
        yield Problem(CAFILE, None, text, (CLIENT_CERTIFICATES,))
    yield from _certificate_identity(settings)


def _certificate_identity(settings: Settings) -> Iterator[Problem]:
    """Validate the pattern with `identity`, which owns its syntax, so that its problem is reported with all others."""
    pattern = settings.auth.certificate_identity
    if pattern is None:
        return
    if not uses_tls(settings) or settings.tls.client_certificates is ClientCertificates.OFF:
        text = f"is not used without {CLIENT_CERTIFICATES}; set that to optional or required, or remove it"
        yield Problem(CERTIFICATE_IDENTITY, pattern, text, (CLIENT_CERTIFICATES, TLS_PORT, WSS_PORT))
    try:
        CertificateNames(pattern)
    except ConfigurationError as error:
        text = error.problems[0].removeprefix(f"{CERTIFICATE_IDENTITY}: ")
        yield Problem(CERTIFICATE_IDENTITY, pattern, f"is not a valid pattern: {text}")


def uses_tls(settings: Settings) -> bool:
    """Whether any listener is encrypted."""
    return settings.tls.port is not None or settings.wss.port is not None


def takes_devices(settings: Settings) -> bool:
    """Whether any listener is on."""
    mqtt = settings.mqtt
    ports = (mqtt.port, settings.tls.port, settings.ws.port, settings.wss.port)
    return mqtt.unix_socket is not None or any(port is not None for port in ports)
