"""The rules between variables. Each broken rule becomes one line for the operator.

The delivery semantics are those of the source document (Hono's "Kafka-based APIs"). Two of its rules need no check
because nothing can break them: only the delivery timeout limits retries, and one request is in flight per broker, which
keeps a device's order with and without idempotence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError
from adapter.model import Delivery
from adapter.routing.config import PLACEHOLDER, RoutingConfig
from adapter.routing.kafka_names import topic_problem
from adapter.settings.kinds import EMBEDDED, Acks, Puback
from adapter.settings.listeners import check_listeners, takes_devices
from adapter.settings.problem import Problem
from adapter.settings.security import check_files, check_security

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.settings.root import Settings

DELIVERY = "ADAPTER_DELIVERY"
ACKS = "ADAPTER_KAFKA__ACKS"
IDEMPOTENCE = "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE"
PUBACK = "ADAPTER_MQTT__PUBACK"
PACKET_SIZE = "ADAPTER_MQTT__MAX_PACKET_SIZE"
TOPIC_LENGTH = "ADAPTER_MQTT__MAX_TOPIC_LENGTH"
BATCH_SIZE = "ADAPTER_KAFKA__MAX_BATCH_SIZE"
PENDING_BYTES = "ADAPTER_MAX_PENDING_BYTES"
DELIVERY_TIMEOUT = "ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS"
REQUEST_TIMEOUT = "ADAPTER_KAFKA__REQUEST_TIMEOUT_MS"
LINGER = "ADAPTER_KAFKA__LINGER_MS"
TELEMETRY_TOPIC = "ADAPTER_KAFKA__TELEMETRY_TOPIC"
EVENT_TOPIC = "ADAPTER_KAFKA__EVENT_TOPIC"
DEAD_LETTER_TOPIC = "ADAPTER_KAFKA__DEAD_LETTER_TOPIC"

# One batch at Kafka, one that fills behind it, and room for other lanes. With less, all lanes block one another.
BATCHES_PENDING = 4


def check(settings: Settings, given: frozenset[str]) -> list[Problem]:
    """Find every broken rule. `given` names the variables that the operator has set."""
    return [
        *_semantics(settings, given),
        *_sizes(settings),
        *_times(settings),
        *_patterns(settings),
        *_dead_letters(settings),
        *check_listeners(settings),
        *check_security(settings),
        *check_files(settings),
    ]


def warnings(settings: Settings) -> list[str]:
    """Describe settings that are allowed but probably unintended, or must not be overlooked; one line each."""
    lines = []
    if settings.delivery is Delivery.AT_MOST_ONCE:
        lines.append(f"{DELIVERY} is at_most_once: messages may be lost after their PUBACK")
    if not takes_devices(settings):
        lines.append("ADAPTER_MQTT__PORT is empty, and there is no other listener: no device can connect")
    if settings.kafka.bootstrap_servers == EMBEDDED:
        lines.append("ADAPTER_KAFKA__BOOTSTRAP_SERVERS is embedded: all records are lost when the adapter stops")
    return lines


def _semantics(settings: Settings, given: frozenset[str]) -> Iterator[Problem]:
    acks = settings.kafka.acks
    puback = settings.mqtt.puback
    accept = f"or accept losses with {DELIVERY}=at_most_once"
    if settings.delivery is Delivery.AT_LEAST_ONCE:
        # "a producer MUST wait for the acknowledgements from all in-sync replicas before …"
        if acks is not Acks.ALL:
            text = f"loses messages when a broker fails; set it to all, {accept}"
            yield Problem(ACKS, acks.value, text, (DELIVERY,))
        # "… sending the acknowledgement back to the client"
        if puback is Puback.ON_RECEIPT and PUBACK in given:
            text = f"acknowledges messages that Kafka does not have yet; set it to after_kafka, {accept}"
            yield Problem(PUBACK, puback.value, text, (DELIVERY,))
    elif acks is Acks.NONE and puback is Puback.AFTER_KAFKA:
        text = f"is impossible with {ACKS}=0, because Kafka then sends no answer; set it to on_receipt"
        yield Problem(PUBACK, puback.value, text, (ACKS, DELIVERY))
    if settings.kafka.enable_idempotence and acks is not Acks.ALL:
        # Kafka's own rule; "implicitly, by setting enable.idempotence to true" acks would be all.
        text = f"needs {ACKS}=all, but that is {acks.value}; remove one of them"
        yield Problem(IDEMPOTENCE, "true", text, (ACKS,))


def _sizes(settings: Settings) -> Iterator[Problem]:
    packet = settings.mqtt.max_packet_size
    batch = settings.kafka.max_batch_size
    if batch < packet:
        text = f"is too small for a message of {PACKET_SIZE}={packet}; raise it to that"
        yield Problem(BATCH_SIZE, batch, text, (PACKET_SIZE,))
    pending = settings.max_pending_bytes
    if pending < BATCHES_PENDING * batch:
        text = (
            f"is less than {BATCHES_PENDING} batches of {BATCH_SIZE}={batch}; "
            f"raise it to at least {BATCHES_PENDING * batch}"
        )
        yield Problem(PENDING_BYTES, pending, text, (BATCH_SIZE,))
    topic = settings.mqtt.max_topic_length
    if topic > packet:
        text = f"does not fit in a packet of {PACKET_SIZE}={packet}; lower it"
        yield Problem(TOPIC_LENGTH, topic, text, (PACKET_SIZE,))


def _times(settings: Settings) -> Iterator[Problem]:
    kafka = settings.kafka
    delivery = kafka.delivery_timeout_ms
    if kafka.request_timeout_ms > delivery:
        text = f"is longer than {DELIVERY_TIMEOUT}={delivery}; lower it, or remove it"
        yield Problem(REQUEST_TIMEOUT, kafka.request_timeout_ms, text, (DELIVERY_TIMEOUT,))
    if kafka.linger_ms >= delivery:
        text = f"is no shorter than {DELIVERY_TIMEOUT}={delivery}, so messages would expire unsent; lower it"
        yield Problem(LINGER, f"{kafka.linger_ms:g}", text, (DELIVERY_TIMEOUT,))


def _patterns(settings: Settings) -> Iterator[Problem]:
    """Validate the patterns with `routing`, which owns their syntax, so that problems are reported with all others."""
    patterns = {TELEMETRY_TOPIC: settings.kafka.telemetry_topic, EVENT_TOPIC: settings.kafka.event_topic}
    try:
        RoutingConfig(telemetry_topic=patterns[TELEMETRY_TOPIC], event_topic=patterns[EVENT_TOPIC])
    except ConfigurationError as error:
        for line in error.problems:
            variable, _, text = line.partition(": ")
            value = patterns[variable]
            yield Problem(variable, value, text.removeprefix(f"{value!r} "), tuple(patterns))


def _dead_letters(settings: Settings) -> Iterator[Problem]:
    topic = settings.kafka.dead_letter_topic
    if topic is None:
        return
    if (problem := topic_problem(topic)) is not None:
        yield Problem(DEAD_LETTER_TOPIC, topic, problem)
    patterns = {TELEMETRY_TOPIC: settings.kafka.telemetry_topic, EVENT_TOPIC: settings.kafka.event_topic}
    for variable, pattern in patterns.items():
        head, _, tail = pattern.partition(PLACEHOLDER)
        tenant = topic.removeprefix(head).removesuffix(tail)
        if tenant and head + tenant + tail == topic:
            text = f"is the topic of tenant {tenant} under {variable}={pattern}; choose another name"
            yield Problem(DEAD_LETTER_TOPIC, topic, text, (variable,))
