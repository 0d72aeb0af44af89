"""The source document's rules, and for each the tests that show that the product keeps it.

The source document is "Kafka-based APIs" of Eclipse Hono. Each of its MUSTs, its recommendations and the consequences
that it names is a row here, in our words under the document's heading; the tests are named as pytest names them.
Whoever renames or removes such a test finds the rule that would lose its proof.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.named_tests import missing

RULES_OF_SETTINGS = "tests/unit/settings/test_rules.py"
READING = "tests/unit/settings/test_reading.py"
SETTINGS = "tests/unit/test_settings.py"
PIPELINE = "tests/unit/delivery/test_pipeline.py"
SESSION = "tests/unit/mqtt/test_session.py"
HONO = "tests/unit/routing/test_hono.py"
SEMANTICS = "tests/e2e/test_delivery_semantics.py"
PARTITIONER = "tests/unit/kafka/test_partitioner.py"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in our words, the heading that it stands under, and the tests that show it."""

    heading: str
    text: str
    tests: tuple[str, ...]


RULES = (
    # -- Kafka-based Messaging
    Rule(
        "Kafka-based Messaging",
        "A record has a key, a value, a timestamp and headers; the key decides the partition.",
        (
            f"{HONO}::test_the_whole_record_of_an_event_with_a_property_bag",
            f"{SESSION}::test_creation_time_is_the_first_header_and_the_timestamp",
        ),
    ),
    Rule(
        "Kafka-based Messaging",
        "What a device learns is that the cluster has persisted its message, not that anyone has read it.",
        (
            f"{SESSION}::test_the_puback_leaves_only_after_kafka_acknowledged",
            f"{PIPELINE}::test_a_run_has_no_outcome_before_kafka_answered",
            f"{SEMANTICS}::test_no_puback_before_the_record_is_readable",
        ),
    ),
    # -- Quality of Service
    Rule(
        "Quality of Service",
        "acks decides the most that can be promised: 0 guarantees nothing.",
        (
            f"{RULES_OF_SETTINGS}::test_at_least_once_needs_the_acknowledgement_of_all_in_sync_replicas",
            f"{RULES_OF_SETTINGS}::test_without_acknowledgements_puback_cannot_wait_for_kafka",
            f"{SEMANTICS}::test_acks_0_acknowledges_while_kafka_is_frozen",
        ),
    ),
    Rule(
        "Quality of Service",
        "acks=1: a message is lost when the broker fails before the others have copied it.",
        (f"{RULES_OF_SETTINGS}::test_at_least_once_needs_the_acknowledgement_of_all_in_sync_replicas",),
    ),
    Rule(
        "Quality of Service",
        "acks=all may also be written -1.",
        (f"{SETTINGS}::test_a_value_may_be_written_in_each_of_its_forms",),
    ),
    # -- Message Ordering
    Rule(
        "Message Ordering",
        "The key is the device identifier, so that all messages of a device are in one partition.",
        (
            f"{HONO}::test_the_whole_record_of_an_event_with_a_property_bag",
            f"{HONO}::test_an_authenticated_device_publishes_for_itself_only",
            f"{SEMANTICS}::test_all_messages_of_a_device_are_in_one_partition",
        ),
    ),
    Rule(
        "Message Ordering",
        "Each adapter must send a device's data to the same partition, by the same partitioner.",
        (
            f"{READING}::test_the_partitioner_cannot_be_set",
            f"{PIPELINE}::test_a_retired_topic_is_empty_before_its_lanes_are_made_anew",
            f"{PARTITIONER}::test_every_key_leads_to_the_partition_that_the_java_client_chooses",
        ),
    ),
    Rule(
        "Message Ordering",
        "… in the order in which it was received.",
        (
            f"{SESSION}::test_qos_0_gets_no_answer_and_is_in_order_with_qos_1",
            f"{SESSION}::test_packets_may_arrive_in_pieces_of_any_size",
            f"{SESSION}::test_a_lookup_is_made_once_and_everything_behind_it_waits_in_order",
            f"{PIPELINE}::test_while_a_batch_is_at_kafka_the_next_one_collects",
            f"{SEMANTICS}::test_order_per_device_is_kept_through_a_frozen_broker",
        ),
    ),
    Rule(
        "Message Ordering",
        "acks=0 disables retries in effect: such a producer cannot promise delivery.",
        (
            f"{RULES_OF_SETTINGS}::test_at_least_once_needs_the_acknowledgement_of_all_in_sync_replicas",
            f"{RULES_OF_SETTINGS}::test_without_acks_all_idempotence_is_off_by_itself",
        ),
    ),
    Rule(
        "Message Ordering",
        "With retries and several requests in flight the order is lost, but for the idempotent producer (up to 5).",
        (
            f"{READING}::test_requests_in_flight_cannot_be_set",
            f"{PIPELINE}::test_after_a_transient_failure_the_same_batch_comes_first",
            f"{PIPELINE}::test_nothing_passes_a_batch_that_was_given_up_on_but_is_still_at_kafka",
        ),
    ),
    Rule(
        "Message Ordering",
        "Idempotence needs special privileges, so there is a safe way without it.",
        (f"{RULES_OF_SETTINGS}::test_at_least_once_without_idempotence_is_allowed",),
    ),
    # -- AT LEAST ONCE Producers
    Rule(
        "AT LEAST ONCE Producers",
        "The producer MUST wait for all in-sync replicas before the client gets its acknowledgement.",
        (
            f"{SESSION}::test_the_puback_leaves_only_after_kafka_acknowledged",
            f"{SESSION}::test_after_the_delivery_timeout_the_device_is_closed_without_puback",
            f"{RULES_OF_SETTINGS}::test_at_least_once_needs_the_acknowledgement_of_all_in_sync_replicas",
            f"{RULES_OF_SETTINGS}::test_at_least_once_needs_puback_after_kafka",
            f"{SEMANTICS}::test_no_puback_before_the_record_is_readable",
        ),
    ),
    Rule(
        "AT LEAST ONCE Producers",
        "acks=all achieves that; enable.idempotence=true implies it.",
        (
            f"{RULES_OF_SETTINGS}::test_idempotence_needs_acks_all",
            f"{RULES_OF_SETTINGS}::test_what_starts_is_what_the_source_document_allows",
        ),
    ),
    Rule(
        "AT LEAST ONCE Producers",
        "The producer MUST retain the order in which it received messages from a client.",
        (
            f"{PIPELINE}::test_after_a_transient_failure_the_same_batch_comes_first",
            f"{PIPELINE}::test_only_the_culprit_of_a_rejected_batch_is_refused_and_the_order_is_kept",
            f"{PIPELINE}::test_what_a_closing_connection_sent_behind_its_refused_message_does_not_land",
            f"{SESSION}::test_disconnect_closes_and_what_is_pending_stays_in_order",
            f"{SEMANTICS}::test_order_per_device_is_kept_through_a_frozen_broker",
        ),
    ),
    Rule(
        "AT LEAST ONCE Producers",
        "With retries, one request in flight or idempotence is required: the adapter always has the first.",
        (
            f"{READING}::test_requests_in_flight_cannot_be_set",
            f"{RULES_OF_SETTINGS}::test_at_least_once_without_idempotence_is_allowed",
            f"{PIPELINE}::test_while_a_batch_is_at_kafka_the_next_one_collects",
        ),
    ),
    Rule(
        "AT LEAST ONCE Producers",
        "Disabling retries is not recommended: messages would fail under load or by a passing fault.",
        (
            f"{READING}::test_retries_cannot_be_set",
            f"{PIPELINE}::test_after_a_transient_failure_the_same_batch_comes_first",
        ),
    ),
    Rule(
        "AT LEAST ONCE Producers",
        "Recommended: idempotence, acks=all, retries unset (without limit), a reasonable delivery timeout.",
        (
            f"{SETTINGS}::test_the_recommended_configuration_is_the_default",
            f"{PIPELINE}::test_a_batch_that_kafka_never_answered_is_unknown_after_the_delivery_timeout",
            f"{PIPELINE}::test_what_still_waits_at_the_delivery_timeout_is_dropped_not_unknown",
            f"{SEMANTICS}::test_retries_go_on_until_the_delivery_timeout",
        ),
    ),
    # -- AT MOST ONCE Producers
    Rule(
        "AT MOST ONCE Producers",
        "Who does not wait for all in-sync replicas, or acknowledges before, provides at most once and nothing better.",
        (f"{RULES_OF_SETTINGS}::test_what_starts_is_what_the_source_document_allows",),
    ),
    Rule(
        "AT MOST ONCE Producers",
        "First strategy: acks=0, the fastest, with losses that nobody notices.",
        (
            f"{RULES_OF_SETTINGS}::test_at_most_once_may_disable_acknowledgements_and_then_acknowledges_on_receipt",
            f"{RULES_OF_SETTINGS}::test_what_is_allowed_but_must_not_be_overlooked_is_said",
            f"{SEMANTICS}::test_acks_0_acknowledges_while_kafka_is_frozen",
        ),
    ),
    Rule(
        "AT MOST ONCE Producers",
        "Second strategy: Kafka acknowledges, but the client is answered before.",
        (
            f"{RULES_OF_SETTINGS}::test_at_most_once_may_acknowledge_before_kafka_does",
            f"{SESSION}::test_on_receipt_acknowledges_at_once_but_not_before_an_earlier_message",
        ),
    ),
    Rule(
        "AT MOST ONCE Producers",
        "The producer MUST retain the order of a client: no retries, or one request in flight.",
        (
            f"{READING}::test_requests_in_flight_cannot_be_set",
            f"{SESSION}::test_qos_0_gets_no_answer_and_is_in_order_with_qos_1",
            f"{PIPELINE}::test_after_a_transient_failure_the_same_batch_comes_first",
            f"{SEMANTICS}::test_order_is_kept_with_acks_0_and_with_puback_on_receipt",
        ),
    ),
    Rule(
        "AT MOST ONCE Producers",
        "A producer of messages with both semantics MUST be configured for at least once.",
        (
            f"{RULES_OF_SETTINGS}::test_a_producer_for_both_semantics_is_configured_for_at_least_once",
            f"{SEMANTICS}::test_one_producer_serves_both_semantics",
        ),
    ),
    Rule(
        "AT MOST ONCE Producers",
        "Such a producer may ignore the outcome of at most once messages: they are answered, or not, without it.",
        (
            f"{SESSION}::test_on_receipt_acknowledges_at_once_but_not_before_an_earlier_message",
            f"{PIPELINE}::test_a_rejected_qos_0_message_counts_as_dropped",
        ),
    ),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.heading}: {rule.text}")
def test_every_rule_is_shown_by_tests_that_exist(rule: Rule) -> None:
    assert missing(rule.tests) == []
    assert rule.tests


def test_no_rule_stands_twice() -> None:
    texts = [(rule.heading, rule.text) for rule in RULES]
    assert sorted(set(texts)) == sorted(texts)
