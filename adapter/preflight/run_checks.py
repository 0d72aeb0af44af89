"""Runs all checks, in the order in which an operator would go through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter import wiring
from adapter.certificates import make_context
from adapter.errors import ConfigurationError
from adapter.kafka.inspection import inspect
from adapter.preflight.brokers import check_brokers
from adapter.preflight.certificates import check_file, check_revocation_lists
from adapter.preflight.clock import check_clock
from adapter.preflight.finding import Finding, from_problem, ok, warning
from adapter.preflight.local import Listener, check_open_files, check_ports, check_unix_socket
from adapter.preflight.messages import Written, check_messages
from adapter.preflight.names import Asked, check_names, topics_to_check
from adapter.preflight.plugins import check_identity
from adapter.preflight.rights import Idempotence, check_rights, rule_of_idempotence
from adapter.preflight.topics import check_durable, check_there
from adapter.settings import EMBEDDED, Acks, warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapter.kafka.inspection import ClusterFacts, Inspection
    from adapter.routing.rule import RouteRule
    from adapter.settings import Settings


INTENDED = "change it, unless this is intended"


@dataclass(frozen=True, slots=True)
class Here:
    """This machine: its clock (seconds since the epoch), its limit of open files, and files besides connections.

    `running` is whether the adapter runs here already.
    """

    clock: Callable[[], float]
    open_files: int
    other_files: int
    running: bool = False


async def preflight(settings: Settings, asked: Asked, here: Here, limit: float) -> list[Finding]:
    """Run every check. `limit` is the time for one step of a connection to Kafka, in seconds."""
    findings = [ok("settings", "ADAPTER_*", "every variable is known, and all rules between them hold")]
    findings += (_doubtful(line) for line in warnings(settings))
    rules: tuple[RouteRule, ...] = ()
    try:
        rules = wiring.make_router(settings).routes
        if settings.routes_file:
            findings.append(ok("routes", settings.routes_file, f"{len(rules)} routes"))
    except ConfigurationError as error:
        findings += (from_problem("routes", problem) for problem in error.problems)
    findings += check_identity(wiring.identity_config(settings))
    findings += _machine(settings, here)
    findings += _listeners_certificates(settings, here.clock())
    if settings.kafka.bootstrap_servers == EMBEDDED:
        return findings
    findings += _kafka_certificates(settings, here.clock())
    topics = topics_to_check(settings, rules, asked)
    try:
        inspection = await inspect(wiring.kafka_options(settings), topics, here.clock, limit)
    except ConfigurationError as error:
        findings += (from_problem("certificate", problem) for problem in error.problems)
    else:
        findings += _kafka(settings, inspection, here.clock())
        findings += check_names(rules, asked)
    return findings


def _doubtful(line: str) -> Finding:
    variable, _, said = line.partition(" ")
    text, separator, fix = said.rpartition("; ")
    return warning("settings", variable, text, fix) if separator else warning("settings", variable, said, INTENDED)


def _machine(settings: Settings, here: Here) -> Iterator[Finding]:
    listeners = [
        Listener("ADAPTER_MQTT__PORT", settings.mqtt.host, settings.mqtt.port),
        Listener("ADAPTER_TLS__PORT", settings.tls.host, settings.tls.port),
        Listener("ADAPTER_WS__PORT", settings.ws.host, settings.ws.port),
        Listener("ADAPTER_WSS__PORT", settings.wss.host, settings.wss.port),
        Listener("ADAPTER_HTTP__PORT", settings.http.host, settings.http.port),
    ]
    yield from check_ports(listeners, running=here.running)
    if settings.mqtt.unix_socket is not None:
        yield check_unix_socket("ADAPTER_MQTT__UNIX_SOCKET", settings.mqtt.unix_socket)
    yield from check_open_files(settings.mqtt.max_connections, here.other_files, here.open_files)


def _listeners_certificates(settings: Settings, now: float) -> Iterator[Finding]:
    config = wiring.tls_config(settings)
    if config is None:
        return
    try:
        make_context(config)
    except ConfigurationError as error:
        yield from (from_problem("certificate", problem) for problem in error.problems)
        return
    yield check_file("ADAPTER_TLS__CERTFILE", config.certfile, now, authorities=False)
    if config.cafile is not None:
        yield check_file("ADAPTER_TLS__CAFILE", config.cafile, now, authorities=True)
    if config.crlfile is not None:
        yield check_revocation_lists("ADAPTER_TLS__CRLFILE", config.crlfile, now)


def _kafka_certificates(settings: Settings, now: float) -> Iterator[Finding]:
    kafka = settings.kafka
    if kafka.ssl_cafile is not None:
        yield check_file("ADAPTER_KAFKA__SSL_CAFILE", kafka.ssl_cafile, now, authorities=True)
    if kafka.ssl_certfile is not None:
        yield check_file("ADAPTER_KAFKA__SSL_CERTFILE", kafka.ssl_certfile, now, authorities=False)


def _kafka(settings: Settings, inspection: Inspection, now: float) -> Iterator[Finding]:
    yield from check_brokers(inspection, now)
    if inspection.cluster is not None:
        yield check_clock(inspection.cluster.clock)
        yield from _topics(settings, inspection, inspection.cluster)


def _topics(settings: Settings, inspection: Inspection, cluster: ClusterFacts) -> Iterator[Finding]:
    kafka = settings.kafka
    idempotence = rule_of_idempotence(inspection.brokers) if kafka.enable_idempotence else Idempotence.NOT_USED
    for topic in cluster.topics:
        yield check_there(topic)
        if topic.error is None:
            written = Written(
                settings.mqtt.max_packet_size,
                wiring.BESIDES_THE_PACKET,
                kafka.max_batch_size,
                kafka.delivery_timeout_ms,
                keys=topic.name != kafka.dead_letter_topic,
            )
            yield check_durable(topic, acks_all=kafka.acks is Acks.ALL)
            yield check_rights(topic, cluster.operations, idempotence)
            yield from check_messages(topic, written, cluster.clock)
