"""The headers of the record contract: order, encoding, and who wins where names collide."""

import pytest

from adapter.model import PublishHeader, PublishProperties
from adapter.routing.record import RESERVED, Facts, build_headers


def test_a_plain_message_has_the_headers_that_every_record_has() -> None:
    headers = build_headers(b"hono-mqtt", PublishHeader("t/x/ä/?b=c", 1), Facts(device_id="ä"))
    assert headers == (
        ("content-type", b"application/octet-stream"),
        ("device_id", "ä".encode()),
        ("orig_adapter", b"hono-mqtt"),
        ("orig_address", "t/x/ä/?b=c".encode()),
        ("qos", b"1"),
    )


def test_all_headers_stand_in_the_order_of_the_contract() -> None:
    properties = PublishProperties(
        payload_format=1,
        message_expiry=30,
        content_type="text/plain",
        response_topic="answers/ä",
        correlation_data=b"\x00\xff",
        user_properties=(("b", "1"), ("a", "ü"), ("b", "2"), ("traceparent", "00-1-2-01")),
        topic_alias=7,
    )
    facts = Facts("ignored/type", "sensor1", "gateway1", 60, (("site", b"berlin"),))
    assert build_headers(b"me", PublishHeader("e", 2, retain=True, properties=properties), facts) == (
        ("content-type", b"text/plain"),
        ("device_id", b"sensor1"),
        ("orig_adapter", b"me"),
        ("orig_address", b"e"),
        ("qos", b"2"),
        ("ttl", b"30000"),
        ("x-opt-retain", b"true"),
        ("via", b"gateway1"),
        ("correlation-id", b"\x00\xff"),
        ("response-topic", b"answers/\xc3\xa4"),
        ("site", b"berlin"),
        ("b", b"1"),
        ("a", b"\xc3\xbc"),
        ("b", b"2"),
        ("traceparent", b"00-1-2-01"),
    )


def test_without_a_device_there_is_no_device_id() -> None:
    assert "device_id" not in dict(build_headers(b"me", PublishHeader("x", 0), Facts()))


@pytest.mark.parametrize(
    ("from_property", "from_routing", "expected"),
    [
        (None, None, b"application/octet-stream"),
        (None, "a/b", b"a/b"),
        ("c/d", None, b"c/d"),
        ("c/d", "a/b", b"c/d"),
        ("", "a/b", b"a/b"),
        ("", "", b"application/octet-stream"),
    ],
)
def test_the_content_type_property_wins_and_an_empty_one_is_none(
    from_property: str | None, from_routing: str | None, expected: bytes
) -> None:
    publish = PublishHeader("x", 1, properties=PublishProperties(content_type=from_property))
    assert dict(build_headers(b"me", publish, Facts(content_type=from_routing)))["content-type"] == expected


@pytest.mark.parametrize(
    ("expiry", "ttl", "expected"),
    [(None, None, None), (None, 10, b"10000"), (5, None, b"5000"), (5, 10, b"5000"), (0, 10, b"0"), (None, 0, b"0")],
)
def test_the_expiry_property_wins_over_the_property_bag_and_ttl_is_in_milliseconds(
    expiry: int | None, ttl: int | None, expected: bytes | None
) -> None:
    publish = PublishHeader("x", 1, properties=PublishProperties(message_expiry=expiry))
    assert dict(build_headers(b"me", publish, Facts(ttl=ttl))).get("ttl") == expected


def test_no_user_property_appears_under_a_name_of_the_contract() -> None:
    forged = tuple((name, "forged") for name in sorted(RESERVED))
    publish = PublishHeader("x", 1, properties=PublishProperties(user_properties=(*forged, ("mine", "kept"))))
    headers = build_headers(b"me", publish, Facts(device_id="sensor1"))
    assert b"forged" not in [value for _, value in headers]
    assert headers[-1] == ("mine", b"kept")


@pytest.mark.parametrize("name", ["ttd", "status"])
def test_no_user_property_makes_honos_client_believe_what_is_not_so(name: str) -> None:
    publish = PublishHeader("x", 1, properties=PublishProperties(user_properties=((name, "-1"),)))
    assert name not in dict(build_headers(b"me", publish, Facts(device_id="sensor1")))


def test_no_user_property_appears_under_a_name_that_the_route_has_set() -> None:
    publish = PublishHeader("x", 1, properties=PublishProperties(user_properties=(("site", "forged"), ("line", "1"))))
    headers = build_headers(b"me", publish, Facts(extra=(("site", b"berlin"),)))
    assert [value for name, value in headers if name == "site"] == [b"berlin"]
    assert headers[-1] == ("line", b"1")
