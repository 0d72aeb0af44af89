"""A dead letter has what the record had, and says why it is none."""

from __future__ import annotations

from adapter.model import EmptyPayload, Identity, PublishHeader, PublishProperties, RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.routing.dead_letter import dead_letter_from_publish, dead_letter_from_record
from adapter.routing.record import RESERVED

REFUSAL = Refusal(Reason.TOO_LARGE, "larger than the topic allows")


def test_key_and_headers_of_the_record_are_kept_and_the_reason_follows() -> None:
    template = RecordTemplate("plant", b"device", (("qos", b"1"), ("site", b"north")), "route 1")
    letter = dead_letter_from_record("letters", template, REFUSAL)
    assert letter == RecordTemplate(
        "letters",
        b"device",
        (
            ("qos", b"1"),
            ("site", b"north"),
            ("dead-letter-reason", b"too_large"),
            ("dead-letter-text", b"larger than the topic allows"),
            ("dead-letter-topic", b"plant"),
        ),
        "route 1",
        refusal=REFUSAL,
    )


def test_a_dead_letter_may_be_empty() -> None:
    template = RecordTemplate("plant", b"device", (), "route 1", empty_payload=EmptyPayload.REFUSED)
    assert dead_letter_from_record("letters", template, REFUSAL).empty_payload is EmptyPayload.ALLOWED


def test_a_dead_letter_does_not_expire() -> None:
    template = RecordTemplate("plant", b"device", (), "route 1", expiry=5)
    assert dead_letter_from_record("letters", template, REFUSAL).expiry is None


def test_a_publish_without_a_record_keeps_what_is_known_of_it() -> None:
    properties = PublishProperties(content_type="text/plain", user_properties=(("site", "north"),))
    header = PublishHeader("no/route", 1, properties=properties)
    refusal = Refusal(Reason.BAD_TOPIC, "no route")
    letter = dead_letter_from_publish("letters", b"mqtt", Identity("c1", "d@t", "t", "d"), header, refusal)
    assert (letter.topic, letter.key, letter.refusal) == ("letters", b"d", refusal)
    assert letter.headers == (
        ("content-type", b"text/plain"),
        ("device_id", b"d"),
        ("orig_adapter", b"mqtt"),
        ("orig_address", b"no/route"),
        ("qos", b"1"),
        ("site", b"north"),
        ("dead-letter-tenant", b"t"),
        ("dead-letter-reason", b"bad_topic"),
        ("dead-letter-text", b"no route"),
    )


def test_without_credentials_the_client_identifier_is_the_key() -> None:
    letter = dead_letter_from_publish("letters", b"mqtt", Identity("c1"), PublishHeader("no/route", 0), REFUSAL)
    assert letter.key == b"c1"
    assert not {"device_id", "dead-letter-tenant"} & {name for name, _ in letter.headers}


def test_no_device_can_write_a_reason_of_its_own() -> None:
    template = RecordTemplate("plant", b"device", (), "route 1")
    names = {name for name, _ in dead_letter_from_record("letters", template, REFUSAL).headers}
    names |= {
        name
        for name, _ in dead_letter_from_publish(
            "l", b"m", Identity("c", None, "t"), PublishHeader("x", 1), REFUSAL
        ).headers
    }
    assert names <= RESERVED
