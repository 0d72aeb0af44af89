"""The README says what happens when; each of its rows is shown by tests, and this is the list.

A row that is added, removed or worded anew has to be answered here.
"""

from __future__ import annotations

import pytest

from tests.support.named_tests import ROOT, missing

HEADING = "### What happens when"

SESSION = "tests/unit/mqtt/test_session.py"
WILLS = "tests/unit/mqtt/test_wills.py"
EXPIRY = "tests/unit/delivery/test_expiry.py"
PIPELINE = "tests/unit/delivery/test_pipeline.py"
GUARANTEES = "tests/e2e/test_guarantees.py"
FAULTS = "tests/faults/test_broker_faults.py"
DRAIN = "tests/e2e/test_drain.py"
SEMANTICS = "tests/e2e/test_delivery_semantics.py"
PRODUCER = "tests/e2e/test_kafka_producer.py"
SECURITY = "tests/e2e/test_kafka_security.py"
DEAD_LETTER = "tests/e2e/test_dead_letter.py"

ROWS = {
    "a message is refused for good (topic, authorisation, too large, Kafka rejects it)": (
        f"{SESSION}::test_a_5_0_device_reads_why_its_message_is_refused_and_goes_on",
        f"{SESSION}::test_a_3_1_1_device_is_closed_at_the_refused_message_after_the_pubacks_before_it",
        f"{SESSION}::test_a_refused_qos_0_message_is_dropped_and_counted",
        f"{SESSION}::test_what_kafka_rejects_is_answered_to_5_0_and_closes_3_1_1",
        f"{PIPELINE}::test_only_the_culprit_of_a_rejected_batch_is_refused_and_the_order_is_kept",
        f"{PRODUCER}::test_a_rejected_batch_costs_nobody_else_anything",
    ),
    "… and `ADAPTER_KAFKA__DEAD_LETTER_TOPIC` is set (not for authorisation)": (
        f"{DEAD_LETTER}::test_a_record_too_large_for_its_topic_is_kept_and_its_neighbours_are_delivered_in_order",
        f"{DEAD_LETTER}::test_a_publish_without_a_route_an_empty_one_and_an_event_with_qos_0_are_kept",
        f"{DEAD_LETTER}::test_messages_for_a_missing_topic_are_kept_until_it_is_made",
        "tests/unit/test_ingress.py::test_a_plugin_that_forbids_the_topic_keeps_the_device_out_of_the_dead_letters",
    ),
    "… and that topic is missing, or does not take it either": (
        f"{DEAD_LETTER}::test_without_the_dead_letter_topic_itself_a_refusal_is_a_refusal",
        f"{DEAD_LETTER}::test_what_the_dead_letter_topic_does_not_take_either_is_refused_once",
    ),
    "Kafka is slow or away": (
        f"{FAULTS}::test_an_outage_shorter_than_the_delivery_timeout_costs_nothing",
        f"{FAULTS}::test_a_frozen_kafka_fills_windows_not_memory_and_pings_are_answered",
        f"{SESSION}::test_over_the_budget_qos_1_waits_and_qos_0_is_dropped",
        "tests/e2e/test_overflow.py::test_of_a_flood_while_kafka_is_frozen_the_oldest_or_the_newest_land",
        f"{SESSION}::test_a_ping_behind_publishes_that_wait_for_kafka_is_answered_at_once",
    ),
    "… longer than the delivery timeout": (
        f"{SEMANTICS}::test_retries_go_on_until_the_delivery_timeout",
        f"{SESSION}::test_after_the_delivery_timeout_the_device_is_closed_without_puback",
        f"{SESSION}::test_a_failed_fleet_is_let_go_one_after_another",
        f"{PIPELINE}::test_nothing_passes_a_batch_that_was_given_up_on_but_is_still_at_kafka",
    ),
    "the adapter stops": (
        f"{DRAIN}::test_a_stop_under_load_flushes_says_goodbye_and_exits_with_0",
        f"{DRAIN}::test_what_kafka_does_not_take_in_time_is_counted_logged_and_ends_with_code_3",
        f"{SESSION}::test_at_shutdown_pubacks_come_before_the_goodbye",
    ),
    "the adapter is killed": (f"{DRAIN}::test_after_sigkill_everything_that_was_acknowledged_is_in_kafka",),
    "the Kafka topic is missing": (
        f"{GUARANTEES}::test_a_missing_topic_is_refused_not_created_and_noticed_without_restart",
    ),
    "the adapter may not describe the topic (a right is missing, or was taken away)": (
        "tests/unit/test_ingress.py::test_publishes_to_a_topic_that_may_not_be_described_wait_for_the_right",
        "tests/unit/test_ingress.py::test_a_will_does_not_wait_for_the_right_to_its_topic",
        "tests/unit/kafka/test_topics.py::test_a_topic_is_not_gone_while_the_right_to_describe_it_is_missing",
    ),
    "the topic gets more partitions": (
        f"{GUARANTEES}::test_a_key_moves_to_its_new_partition_only_after_its_old_records_have_arrived",
    ),
    "the topic is made again with fewer partitions": (
        f"{PIPELINE}::test_a_partition_that_its_topic_has_no_more_is_given_up_at_once",
    ),
    "the producer becomes useless (fenced, out of sequence, rights taken away, a dead task)": (
        f"{PRODUCER}::test_an_out_of_order_sequence_is_answered_as_unknown_and_the_batch_lands_when_sent_again",
        f"{PRODUCER}::test_lanes_survive_rejections_freezes_and_restarts_in_order",
        f"{SECURITY}::test_a_topic_that_may_not_be_written_to_waits_for_the_right_and_the_others_go_on",
        f"{SECURITY}::test_sessions_that_end_lose_and_reorder_nothing_and_a_changed_password_is_said",
    ),
    "a client identifier connects twice": (
        f"{GUARANTEES}::test_the_new_connection_of_a_client_identifier_takes_over",
        f"{SESSION}::test_the_new_connection_takes_over_only_after_it_is_authenticated",
    ),
    "a device comes back while its messages are pending": (
        "tests/e2e/test_return.py::test_what_is_sent_again_while_kafka_is_frozen_makes_one_record_and_gets_one_puback",
        "tests/unit/mqtt/test_returning.py::test_however_often_it_comes_back_every_message_is_there_once_and_in_order",
        f"{SESSION}::test_disconnect_closes_and_what_is_pending_stays_in_order",
    ),
    "a device with a Will is lost: any end but DISCONNECT 0x00 (5.0), DISCONNECT (3.1.1)": (
        f"{WILLS}::test_a_connection_that_is_lost_leaves_its_will_behind_all_that_it_published",
        f"{WILLS}::test_a_goodbye_takes_the_will_along",
        f"{WILLS}::test_every_other_goodbye_leaves_it",
        f"{WILLS}::test_a_will_with_delay_waits_for_it",
        f"{WILLS}::test_a_device_that_is_back_in_its_session_in_time_takes_its_will_back",
        "tests/e2e/test_wills.py::test_a_device_that_is_killed_leaves_its_will_behind_its_last_publish",
    ),
    "a Will may not be published (topic, authorisation, size)": (
        f"{WILLS}::test_who_may_not_publish_there_is_not_let_in",
        f"{WILLS}::test_a_will_that_is_no_record_of_kafkas_is_refused",
    ),
    "a message waits for longer than its Message Expiry Interval (0 counts as 1 s)": (
        f"{EXPIRY}::test_what_waits_behind_kafka_for_too_long_is_dropped_and_answered_with_success_in_its_turn",
        f"{EXPIRY}::test_whatever_the_qos",
        "tests/e2e/test_expiry.py::test_what_has_expired_while_kafka_was_frozen_is_not_produced",
    ),
    "a packet is malformed": (f"{GUARANTEES}::test_a_malformed_packet_ends_its_own_connection_only",),
}


def rows() -> list[str]:
    """The first cells of the table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.split(HEADING)[1].split("\n## ")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")][1:]


def test_every_row_of_the_readme_is_answered_here() -> None:
    assert rows() == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_shown_by_tests_that_exist(row: str) -> None:
    assert ROWS[row]
    assert missing(ROWS[row]) == []
