"""Translates the settings into each part's own configuration. Only this file knows both."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.certificates import TlsConfig, make_context
from adapter.delivery.pipeline import PipelineConfig
from adapter.errors import ConfigurationError
from adapter.identity.gatekeeper import IdentityConfig, check_plugins
from adapter.kafka.options import KafkaOptions
from adapter.kafka.sizes import BATCH_HEADER
from adapter.model import Delivery
from adapter.mqtt.frontend import MqttConfig
from adapter.mqtt.layered_connection import Layers
from adapter.mqtt.limits import Limits
from adapter.mqtt.websocket import WebSocketConfig
from adapter.routing.config import RoutingConfig
from adapter.routing.router import Router
from adapter.routing.routes_file import load_routes
from adapter.settings import ClientCertificates, Compression, TlsVersion, uses_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import SecretStr

    from adapter.routing.rule import RouteRule
    from adapter.settings import Settings

# A batch consists of whole runs, so runs must be small compared with it.
RUNS_IN_A_BATCH = 4
# Bytes of a record that its packet does not have: the key, headers that repeat topic and names, framing. Names have at
# most 1 KiB, topics by default, too.
BESIDES_THE_PACKET = 16_384

_VERIFY = {
    ClientCertificates.OFF: ssl.CERT_NONE,
    ClientCertificates.OPTIONAL: ssl.CERT_OPTIONAL,
    ClientCertificates.REQUIRED: ssl.CERT_REQUIRED,
}
_TLS = {TlsVersion.V1_2: ssl.TLSVersion.TLSv1_2, TlsVersion.V1_3: ssl.TLSVersion.TLSv1_3}


def make_router(settings: Settings) -> Router:
    """Create the router with the operator's routes. Raises ConfigurationError."""
    config = RoutingConfig(
        telemetry_topic=settings.kafka.telemetry_topic,
        event_topic=settings.kafka.event_topic,
        adapter_name=settings.kafka.orig_adapter,
        auth_required=settings.auth.required,
    )
    rules = load_routes(Path(settings.routes_file), config) if settings.routes_file else ()
    if problems := tuple(_route_problems(settings, rules)):
        raise ConfigurationError(*problems)
    return Router(config, rules)


def _route_problems(settings: Settings, rules: Iterable[RouteRule]) -> Iterator[str]:
    """Yield a line for each route that contradicts the settings."""
    dead_letters = settings.kafka.dead_letter_topic
    for rule in rules:
        if rule.delivery is Delivery.AT_LEAST_ONCE and not settings.can_deliver_at_least_once:
            yield (
                f"ADAPTER_ROUTES_FILE: route {rule.name} asks for at_least_once, which needs ADAPTER_KAFKA__ACKS=all"
            )
        if dead_letters is not None and rule.kafka_topic.source == dead_letters:
            yield (
                f"ADAPTER_ROUTES_FILE: route {rule.name} writes to {dead_letters}, "
                "which ADAPTER_KAFKA__DEAD_LETTER_TOPIC keeps for dead letters; choose another topic"
            )


def problems_of_files(settings: Settings, known: Sequence[str]) -> Iterator[str]:
    """Read what the settings name (routes, plugins, certificates), and yield the problems.

    What has one of the `known` problems is left out: its settings may not be those that the operator meant.
    """
    checks: dict[str, Callable[[], object]] = {
        "ADAPTER_ROUTES_FILE": lambda: make_router(settings),
        "ADAPTER_AUTH__": lambda: check_plugins(identity_config(settings)),
        "ADAPTER_TLS__": lambda: _check_tls(settings),
        "ADAPTER_KAFKA__S": kafka_options(settings).connection,
    }
    variables = {problem.partition(":")[0] for problem in known}
    for prefix, check in checks.items():
        if not any(variable.startswith(prefix) for variable in variables):
            try:
                check()
            except ConfigurationError as error:
                yield from (line for line in error.problems if line.partition(":")[0] not in variables)


def _check_tls(settings: Settings) -> None:
    config = tls_config(settings)
    if config is not None:
        make_context(config)


def identity_config(settings: Settings) -> IdentityConfig:
    """For `adapter.identity`."""
    auth = settings.auth
    return IdentityConfig(
        required=auth.required,
        plugins=auth.plugins,
        gateways=auth.gateways,
        threads=auth.threads,
        timeout=auth.timeout,
        certificate_identity=auth.certificate_identity,
    )


def max_record_size(settings: Settings) -> int:
    """Return the size of the largest record in bytes. One that is larger than a batch is sent by itself."""
    batch = settings.kafka.max_batch_size - BATCH_HEADER
    return max(batch, settings.mqtt.max_packet_size + BESIDES_THE_PACKET)


def kafka_options(settings: Settings, bootstrap_servers: str | None = None) -> KafkaOptions:
    """Return the options of `adapter.kafka`; `bootstrap_servers` replaces the setting, as for the embedded Kafka."""
    kafka = settings.kafka
    return KafkaOptions(
        bootstrap_servers=bootstrap_servers or kafka.bootstrap_servers,
        client_id=kafka.client_id,
        acks=kafka.acks.value,
        enable_idempotence=kafka.enable_idempotence,
        max_batch_size=max_record_size(settings) + BATCH_HEADER,
        compression_type=None if kafka.compression_type is Compression.NONE else kafka.compression_type.value,
        request_timeout_ms=kafka.request_timeout_ms,
        security_protocol=kafka.security_protocol.value,
        sasl_mechanism=kafka.sasl_mechanism.value if kafka.sasl_mechanism else None,
        sasl_username=kafka.sasl_username,
        sasl_password=_revealed(kafka.sasl_password),
        ssl_cafile=kafka.ssl_cafile,
        ssl_certfile=kafka.ssl_certfile,
        ssl_keyfile=kafka.ssl_keyfile,
        ssl_key_password=_revealed(kafka.ssl_key_password),
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None


def pipeline_config(settings: Settings) -> PipelineConfig:
    """For `adapter.delivery`."""
    kafka = settings.kafka
    return PipelineConfig(
        max_batch_size=kafka.max_batch_size - BATCH_HEADER,
        delivery_timeout=kafka.delivery_timeout_ms / 1000,
        linger=kafka.linger_ms / 1000,
    )


def mqtt_config(settings: Settings) -> MqttConfig:
    """For `adapter.mqtt`."""
    mqtt = settings.mqtt
    limits = settings.limits
    batch = settings.kafka.max_batch_size - BATCH_HEADER
    return MqttConfig(
        max_packet_size=mqtt.max_packet_size,
        max_connections=mqtt.max_connections,
        max_sessions=mqtt.max_sessions,
        max_unreleased=mqtt.max_unreleased,
        handshake_timeout=mqtt.handshake_timeout,
        kafka_receipt=mqtt.kafka_receipt,
        connect_timeout=mqtt.connect_timeout,
        receive_maximum=mqtt.receive_maximum,
        max_topic_length=mqtt.max_topic_length,
        topic_alias_maximum=mqtt.topic_alias_maximum,
        max_will_bytes=mqtt.max_will_bytes,
        check_payload_format=mqtt.check_payload_format,
        server_keep_alive=mqtt.server_keep_alive,
        limits=Limits(
            unauthenticated=limits.unauthenticated,
            unauthenticated_bytes=limits.unauthenticated_bytes,
            connections_per_address=limits.connections_per_address,
            connects_per_second=limits.connects_per_second,
            connects_per_second_per_address=limits.connects_per_second_per_address,
            refusal_delay=limits.refusal_delay,
            connect_size=limits.connect_size,
            packet_seconds=limits.packet_seconds,
            slow_reader_seconds=limits.slow_reader_seconds,
            bytes_per_second=limits.bytes_per_second,
            topic_levels=limits.topic_levels,
            user_properties=limits.user_properties,
        ),
        max_record_size=max_record_size(settings),
        max_run_size=batch // RUNS_IN_A_BATCH,
    )


def tls_config(settings: Settings) -> TlsConfig | None:
    """Return the configuration of `adapter.certificates`; None if no listener is encrypted."""
    tls = settings.tls
    if not uses_tls(settings):
        return None
    assert tls.certfile is not None, "the settings' rules require it"
    return TlsConfig(
        certfile=tls.certfile,
        keyfile=tls.keyfile,
        key_password=_revealed(tls.key_password),
        minimum_version=_TLS[tls.minimum_version],
        client_certificates=_VERIFY[tls.client_certificates],
        cafile=tls.cafile,
        crlfile=tls.crlfile,
    )


def layers(
    settings: Settings, *, context: Callable[[], ssl.SSLContext] | None = None, websocket: bool = False
) -> Layers:
    """Return the protocol layers between a listener's sockets and their sessions."""
    ws = settings.ws
    config = WebSocketConfig(path=ws.path, origins=ws.origins or None)
    return Layers(context, config if websocket else None, settings.mqtt.proxy_protocol_from)
