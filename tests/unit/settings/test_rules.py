"""`adapter.settings.rules`: the source document's rules on delivery semantics, and what sizes and times must hold."""

from __future__ import annotations

from itertools import product

import pytest

from adapter.errors import ConfigurationError
from adapter.model import Delivery
from adapter.settings import Acks, Puback, Settings, load_settings, warnings
from tests.support.settings import problems

AT_MOST_ONCE = {"ADAPTER_DELIVERY": "at_most_once"}
ACCEPT = "or accept losses with ADAPTER_DELIVERY=at_most_once"


# -- delivery semantics ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acks", ["0", "1"])
def test_at_least_once_needs_the_acknowledgement_of_all_in_sync_replicas(acks: str) -> None:
    assert problems({"ADAPTER_KAFKA__ACKS": acks}) == (
        f"ADAPTER_KAFKA__ACKS: '{acks}' loses messages when a broker fails; set it to all, {ACCEPT}",
    )


def test_at_least_once_needs_puback_after_kafka() -> None:
    assert problems({"ADAPTER_MQTT__PUBACK": "on_receipt"}) == (
        (
            "ADAPTER_MQTT__PUBACK: 'on_receipt' acknowledges messages that Kafka does not have yet; "
            f"set it to after_kafka, {ACCEPT}"
        ),
    )


def test_both_mistakes_of_at_least_once_are_told_at_once() -> None:
    lines = problems({"ADAPTER_KAFKA__ACKS": "0", "ADAPTER_MQTT__PUBACK": "on_receipt"})
    assert [line.partition(":")[0] for line in lines] == ["ADAPTER_KAFKA__ACKS", "ADAPTER_MQTT__PUBACK"]


def test_at_least_once_without_idempotence_is_allowed() -> None:
    """The order is kept all the same, because one request is in flight per broker."""
    settings = load_settings({"ADAPTER_KAFKA__ENABLE_IDEMPOTENCE": "false"})
    assert not settings.kafka.enable_idempotence
    assert settings.can_deliver_at_least_once


@pytest.mark.parametrize("acks", ["0", "1"])
def test_idempotence_needs_acks_all(acks: str) -> None:
    """Kafka has it only so: asking for both is a contradiction, and the operator has to say what is meant."""
    environ = {**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": acks, "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE": "true"}
    assert problems(environ) == (
        (
            f"ADAPTER_KAFKA__ENABLE_IDEMPOTENCE: 'true' needs ADAPTER_KAFKA__ACKS=all, but that is {acks}; "
            "remove one of them"
        ),
    )


@pytest.mark.parametrize("acks", ["0", "1"])
def test_without_acks_all_idempotence_is_off_by_itself(acks: str) -> None:
    settings = load_settings({**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": acks})
    assert not settings.kafka.enable_idempotence
    assert not settings.can_deliver_at_least_once


def test_at_most_once_may_disable_acknowledgements_and_then_acknowledges_on_receipt() -> None:
    """The source document's first strategy: there is nothing to wait for."""
    settings = load_settings({**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": "0"})
    assert (settings.kafka.acks, settings.mqtt.puback) == (Acks.NONE, Puback.ON_RECEIPT)


def test_without_acknowledgements_puback_cannot_wait_for_kafka() -> None:
    environ = {**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": "0", "ADAPTER_MQTT__PUBACK": "after_kafka"}
    assert problems(environ) == (
        (
            "ADAPTER_MQTT__PUBACK: 'after_kafka' is impossible with ADAPTER_KAFKA__ACKS=0, because Kafka then sends no "
            "answer; set it to on_receipt"
        ),
    )


@pytest.mark.parametrize("acks", ["all", "1"])
def test_at_most_once_may_acknowledge_before_kafka_does(acks: str) -> None:
    """The source document's second strategy."""
    settings = load_settings({**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": acks, "ADAPTER_MQTT__PUBACK": "on_receipt"})
    assert settings.mqtt.puback is Puback.ON_RECEIPT


def test_a_producer_for_both_semantics_is_configured_for_at_least_once() -> None:
    """With acks=all a route may ask for at least once although the default is at most once; otherwise it may not."""
    assert load_settings(AT_MOST_ONCE).can_deliver_at_least_once
    assert not load_settings({**AT_MOST_ONCE, "ADAPTER_KAFKA__ACKS": "1"}).can_deliver_at_least_once


def accepted(settings: Settings) -> bool:
    """Whether the source document allows the combination."""
    safe = settings.kafka.acks is Acks.ALL and settings.mqtt.puback is Puback.AFTER_KAFKA
    waits_in_vain = settings.kafka.acks is Acks.NONE and settings.mqtt.puback is Puback.AFTER_KAFKA
    impossible = settings.kafka.enable_idempotence and settings.kafka.acks is not Acks.ALL
    return (safe or settings.delivery is Delivery.AT_MOST_ONCE) and not waits_in_vain and not impossible


COMBINATIONS = list(
    product(
        ("at_least_once", "at_most_once"),
        ("all", "1", "0"),
        ("after_kafka", "on_receipt", None),
        ("true", "false", None),
    )
)


@pytest.mark.parametrize(("delivery", "acks", "puback", "idempotence"), COMBINATIONS)
def test_what_starts_is_what_the_source_document_allows(
    delivery: str, acks: str, puback: str | None, idempotence: str | None
) -> None:
    """Of all combinations of the four variables those that start are right, and the others are not."""
    environ = {"ADAPTER_DELIVERY": delivery, "ADAPTER_KAFKA__ACKS": acks}
    if puback is not None:
        environ["ADAPTER_MQTT__PUBACK"] = puback
    if idempotence is not None:
        environ["ADAPTER_KAFKA__ENABLE_IDEMPOTENCE"] = idempotence
    try:
        settings = load_settings(environ)
    except ConfigurationError as error:
        # What the operator gave, as far as it was given, really breaks a rule.
        unsafe = delivery == "at_least_once" and (acks != "all" or puback == "on_receipt")
        contradiction = (acks == "0" and puback == "after_kafka") or (acks != "all" and idempotence == "true")
        assert unsafe or contradiction
        named = {line.partition(":")[0] for line in error.problems}
        assert named <= {"ADAPTER_KAFKA__ACKS", "ADAPTER_MQTT__PUBACK", "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE"}
    else:
        assert accepted(settings)


# -- sizes and times ---------------------------------------------------------------------------------------------------


def test_a_batch_holds_the_largest_message() -> None:
    assert problems({"ADAPTER_MQTT__MAX_PACKET_SIZE": "300000"}) == (
        (
            "ADAPTER_KAFKA__MAX_BATCH_SIZE: '262144' is too small for a message of "
            "ADAPTER_MQTT__MAX_PACKET_SIZE=300000; raise it to that"
        ),
    )


def test_the_byte_budget_holds_several_batches() -> None:
    assert problems({"ADAPTER_MAX_PENDING_BYTES": "1000000"}) == (
        (
            "ADAPTER_MAX_PENDING_BYTES: '1000000' is less than 4 batches of ADAPTER_KAFKA__MAX_BATCH_SIZE=262144; "
            "raise it to at least 1048576"
        ),
    )


def test_the_longest_topic_fits_in_a_packet() -> None:
    assert problems({"ADAPTER_MQTT__MAX_PACKET_SIZE": "512"}) == (
        (
            "ADAPTER_MQTT__MAX_TOPIC_LENGTH: '1024' does not fit in a packet of ADAPTER_MQTT__MAX_PACKET_SIZE=512; "
            "lower it"
        ),
    )


def test_a_request_waits_no_longer_than_the_delivery_timeout() -> None:
    environ = {"ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS": "5000", "ADAPTER_KAFKA__REQUEST_TIMEOUT_MS": "6000"}
    assert problems(environ) == (
        (
            "ADAPTER_KAFKA__REQUEST_TIMEOUT_MS: '6000' is longer than ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS=5000; "
            "lower it, or remove it"
        ),
    )


def test_a_short_delivery_timeout_shortens_the_request_timeout_that_nobody_set() -> None:
    assert load_settings({"ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS": "5000"}).kafka.request_timeout_ms == 5000


def test_records_do_not_linger_until_they_expire() -> None:
    environ = {"ADAPTER_KAFKA__LINGER_MS": "5000", "ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS": "5000"}
    assert problems(environ) == (
        (
            "ADAPTER_KAFKA__LINGER_MS: '5000' is no shorter than ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS=5000, "
            "so messages would expire unsent; lower it"
        ),
    )


# -- topics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("hono.telemetry", "must contain {tenant} once"),
        ("{tenant}.{device}", "has the character '{'"),
        ("plant/{tenant}", "has the character '/'"),
    ],
)
def test_a_topic_pattern_leads_to_names_that_kafka_has(pattern: str, start: str) -> None:
    (line,) = problems({"ADAPTER_KAFKA__TELEMETRY_TOPIC": pattern})
    assert line.startswith(f"ADAPTER_KAFKA__TELEMETRY_TOPIC: {pattern!r} {start}")


def test_the_topics_of_two_tenants_cannot_be_the_same() -> None:
    (line,) = problems({"ADAPTER_KAFKA__TELEMETRY_TOPIC": "hono.{tenant}"})
    assert line.startswith("ADAPTER_KAFKA__EVENT_TOPIC: 'hono.event.{tenant}' and 'hono.{tenant}' give two tenants")


# -- warnings ----------------------------------------------------------------------------------------------------------


def test_what_is_allowed_but_must_not_be_overlooked_is_said() -> None:
    plugins = {"ADAPTER_AUTH__PLUGINS": '{"amqtt.plugins.authentication.FileAuthPlugin": {}}'}
    assert warnings(load_settings(plugins)) == []
    environ = {**AT_MOST_ONCE, "ADAPTER_MQTT__PORT": "", "ADAPTER_KAFKA__BOOTSTRAP_SERVERS": "embedded"}
    assert [line.partition(" ")[0] for line in warnings(load_settings(environ))] == [
        "ADAPTER_DELIVERY",
        "ADAPTER_MQTT__PORT",
        "ADAPTER_KAFKA__BOOTSTRAP_SERVERS",
    ]


# -- the dead-letter topic ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["letters", "hono.letters", "hono.telemetry."])
def test_the_dead_letter_topic_is_any_that_no_tenant_has(name: str) -> None:
    assert load_settings({"ADAPTER_KAFKA__DEAD_LETTER_TOPIC": name}).kafka.dead_letter_topic == name


def test_a_dead_letter_topic_that_a_tenant_would_write_to_is_refused() -> None:
    assert problems({"ADAPTER_KAFKA__DEAD_LETTER_TOPIC": "hono.event.letters"}) == (
        (
            "ADAPTER_KAFKA__DEAD_LETTER_TOPIC: 'hono.event.letters' is the topic of tenant letters "
            "under ADAPTER_KAFKA__EVENT_TOPIC=hono.event.{tenant}; choose another name"
        ),
    )
