"""The types of values, and the messages for values that do not fit.

A message raised here ends the sentence `VARIABLE: 'value' …`. It says what is wrong and what to write instead.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from adapter.model import Delivery

EMBEDDED = "embedded"

# A host name, an IPv4 address, or an IPv6 address in brackets; then a port.
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_MAX_PORT = 65_535
# A path without query and fragment, and the origin that a browser sends for its page (RFC 6454 section 6.2).
_PATH = re.compile(r"/[^\s?#]*")
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_PLUGIN_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Puback(StrEnum):
    """When a PUBLISH with QoS 1 or 2 is acknowledged."""

    AFTER_KAFKA = "after_kafka"
    ON_RECEIPT = "on_receipt"


class TlsVersion(StrEnum):
    """The oldest TLS version that devices may use."""

    V1_2 = "1.2"
    V1_3 = "1.3"


class ClientCertificates(StrEnum):
    """Whether devices must present certificates."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Acks(StrEnum):
    """Kafka's `acks`: which replicas must have a record before the broker answers."""

    ALL = "all"
    ONE = "1"
    NONE = "0"


class Compression(StrEnum):
    """Kafka's `compression.type`."""

    NONE = "none"
    GZIP = "gzip"
    SNAPPY = "snappy"
    LZ4 = "lz4"
    ZSTD = "zstd"


class Overflow(StrEnum):
    """Which QoS 0 messages are dropped when the buffers for Kafka are full."""

    DROP_NEWEST = "drop_newest"
    DROP_OLDEST = "drop_oldest"


class SecurityProtocol(StrEnum):
    """Kafka's `security.protocol`."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}

    @property
    def uses_sasl(self) -> bool:
        """Whether the adapter authenticates with a user name and a password."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """The values of Kafka's `sasl.mechanism` that use a user name and a password."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """JSON for machines, or text for people."""

    JSON = "json"
    CONSOLE = "console"


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _acks(value: Any) -> Any:
    return Acks.ALL if value == "-1" else _lower(value)  # the source document: "`all` (or equivalent `-1`)"


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("is empty")
    return value


def _servers(value: str) -> str:
    if value.lower() == EMBEDDED:
        return EMBEDDED
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        match = _SERVER.fullmatch(server)
        if match is None or not 0 < int(match[2]) <= _MAX_PORT:
            raise ValueError(f"must be host:port, separated by commas if there are several, or {EMBEDDED}")
        try:
            match[1].encode("idna")
        except UnicodeError as error:  # an empty part between two dots, or one of more than 63 characters
            raise ValueError(f"{match[1]} cannot be the name of a host") from error
    return ",".join(servers)


def _names(value: Any) -> Any:
    """Split a comma-separated list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _hosts(value: str) -> str:
    hosts = [host.strip() for host in value.split(",")]
    if not all(hosts):
        raise ValueError("must be an address, or several separated by commas")
    return ",".join(hosts)


def _network(value: Any) -> Any:
    with suppress(ValueError):  # its message holds the value, which may be the content of a wrong file
        return ip_network(value)
    raise ValueError("must contain only addresses and networks, such as 10.1.2.3 or 10.1.2.0/24")


def _path(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("must be a URL path, such as /mqtt")
    return value


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError(
            "must contain only origins, such as https://example.com or http://localhost:8000, without path"
        )
    return value.lower()


def _gateways(value: Any) -> Any:
    """Accept a JSON list or a comma-separated list."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        value = _json(value)
        if not all(isinstance(name, str) for name in value):
            raise ValueError("must be a JSON list of strings")
        return value
    return [name.strip() for name in value.split(",") if name.strip()]


def _gateway(name: str) -> str:
    auth_id, separator, tenant = name.rpartition("@")
    if not (auth_id and separator and tenant):
        raise ValueError("must contain only user names of the form auth-id@tenant")
    return name


def _plugins(value: Any) -> Any:
    """Parse a JSON object: plugin class → its configuration. Errors never show the text, which may hold secrets."""
    if not isinstance(value, str):
        return value
    plugins = _json(value) if value.strip() else {}
    if not isinstance(plugins, dict):
        raise ValueError("must be a JSON object: plugin class → its configuration")  # noqa: TRY004 - pydantic's contract
    return plugins


def _plugin_class(name: str) -> str:
    if not _PLUGIN_CLASS.fullmatch(name):
        raise ValueError("must have dotted class names as keys, like amqtt.plugins.authentication.FileAuthPlugin")
    return name


def _json(text: str) -> Any:
    problem = None
    try:
        return json.loads(text)
    except ValueError as error:
        position = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        problem = f"is not JSON{position}"
    raise ValueError(problem)  # outside the handler: the decoder's error holds the whole text


Port = Annotated[Annotated[int, Field(ge=0, le=_MAX_PORT)] | None, BeforeValidator(_empty_is_none)]
Text = Annotated[str, AfterValidator(_not_empty)]
Hosts = Annotated[str, AfterValidator(_hosts)]
Path = Annotated[str, AfterValidator(_path)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_names)]
Networks = Annotated[
    tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)], ...], BeforeValidator(_names)
]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_none)]

Positive = Annotated[int, Field(gt=0)]
OptionalPositive = Annotated[Positive | None, BeforeValidator(_empty_is_none)]
KeepAlive = Annotated[Annotated[int, Field(ge=1, le=65_535)] | None, BeforeValidator(_empty_is_none)]
OptionalRate = Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, BeforeValidator(_empty_is_none)]
NotNegative = Annotated[int, Field(ge=0)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

AnyDelivery = Annotated[Delivery, BeforeValidator(_lower)]
AnyTlsVersion = Annotated[TlsVersion, BeforeValidator(_lower)]
AnyClientCertificates = Annotated[ClientCertificates, BeforeValidator(_lower)]
AnyAcks = Annotated[Acks, BeforeValidator(_acks)]
AnyPuback = Annotated[Puback, BeforeValidator(_lower)]
AnyOverflow = Annotated[Overflow, BeforeValidator(_lower)]
AnyCompression = Annotated[Compression, BeforeValidator(_lower)]
AnySecurityProtocol = Annotated[SecurityProtocol, BeforeValidator(_upper)]
AnySaslMechanism = Annotated[SaslMechanism | None, BeforeValidator(_empty_is_none), BeforeValidator(_upper)]
AnyLogLevel = Annotated[LogLevel, BeforeValidator(_lower)]
AnyLogFormat = Annotated[LogFormat, BeforeValidator(_lower)]
Servers = Annotated[str, AfterValidator(_servers)]
Gateways = Annotated[tuple[Annotated[str, AfterValidator(_gateway)], ...], BeforeValidator(_gateways)]
Plugins = Annotated[
    dict[Annotated[str, AfterValidator(_plugin_class)], dict[str, Any]],
    BeforeValidator(_plugins),
]
