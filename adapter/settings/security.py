"""The rules for the connection to Kafka: settings that SASL and TLS need or would ignore, and readable files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adapter.settings import listeners
from adapter.settings.kinds import EMBEDDED, SecurityProtocol
from adapter.settings.problem import Problem
from adapter.settings.reading import why_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.settings.root import Settings

SERVERS = "ADAPTER_KAFKA__BOOTSTRAP_SERVERS"
PROTOCOL = "ADAPTER_KAFKA__SECURITY_PROTOCOL"
MECHANISM = "ADAPTER_KAFKA__SASL_MECHANISM"
USERNAME = "ADAPTER_KAFKA__SASL_USERNAME"
PASSWORD = "ADAPTER_KAFKA__SASL_PASSWORD"  # noqa: S105 - the name of a variable
CAFILE = "ADAPTER_KAFKA__SSL_CAFILE"
CERTFILE = "ADAPTER_KAFKA__SSL_CERTFILE"
KEYFILE = "ADAPTER_KAFKA__SSL_KEYFILE"
KEY_PASSWORD = "ADAPTER_KAFKA__SSL_KEY_PASSWORD"  # noqa: S105 - the name of a variable
ROUTES_FILE = "ADAPTER_ROUTES_FILE"


def check_security(settings: Settings) -> Iterator[Problem]:
    """Find the settings that the security protocol lacks, and those that it would ignore."""
    kafka = settings.kafka
    protocol = kafka.security_protocol
    if kafka.bootstrap_servers == EMBEDDED and protocol is not SecurityProtocol.PLAINTEXT:
        text = "is not supported by the embedded broker; remove it, or name your brokers"
        yield Problem(PROTOCOL, protocol.value, text, (SERVERS,))
    sasl = {MECHANISM: kafka.sasl_mechanism, USERNAME: kafka.sasl_username, PASSWORD: kafka.sasl_password}
    for variable, value in sasl.items():
        if protocol.uses_sasl and value is None:
            yield Problem(variable, None, f"is needed with {PROTOCOL}={protocol.value}; set it", (PROTOCOL,))
        if not protocol.uses_sasl and value is not None:
            text = f"is not used with {PROTOCOL}={protocol.value}; remove it, or set that to SASL_SSL"
            yield Problem(variable, None, text, (PROTOCOL,))
    tls = {
        CAFILE: kafka.ssl_cafile,
        CERTFILE: kafka.ssl_certfile,
        KEYFILE: kafka.ssl_keyfile,
        KEY_PASSWORD: kafka.ssl_key_password,
    }
    for variable, value in tls.items():
        if not protocol.uses_tls and value is not None:
            text = f"is not used with {PROTOCOL}={protocol.value}; remove it, or set that to SSL or SASL_SSL"
            yield Problem(variable, None, text, (PROTOCOL,))
    for one, other in ((CERTFILE, KEYFILE), (KEYFILE, CERTFILE), (KEY_PASSWORD, KEYFILE)):
        if tls[one] is not None and tls[other] is None:
            yield Problem(other, None, f"is needed with {one}; set it", (one,))


def check_files(settings: Settings) -> Iterator[Problem]:
    """Find files that cannot be read. The code that uses a file checks its content."""
    kafka = settings.kafka
    files = {
        CAFILE: kafka.ssl_cafile,
        CERTFILE: kafka.ssl_certfile,
        KEYFILE: kafka.ssl_keyfile,
        listeners.CERTFILE: settings.tls.certfile,
        listeners.KEYFILE: settings.tls.keyfile,
        listeners.CAFILE: settings.tls.cafile,
        listeners.CRLFILE: settings.tls.crlfile,
        ROUTES_FILE: settings.routes_file,
    }
    for variable, name in files.items():
        if name is not None:
            try:
                Path(name).open("rb").close()
            except (OSError, ValueError) as error:
                yield Problem(variable, name, f"{why_unreadable(error)}; fix the path or the file")
