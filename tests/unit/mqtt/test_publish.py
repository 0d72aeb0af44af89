"""The properties of a PUBLISH."""

import pytest
from hypothesis import given

from adapter.errors import ProtocolError
from adapter.model import PublishProperties
from adapter.mqtt.publish import decode_publish_properties
from tests.support.damage import damaged

ALL = bytes.fromhex(
    "01 0102 0000003c03 0004 6a736f6e08 0003 722f3109 0002 00ff23 000526 0001 61 0001 6226 0001 61 0001 63"
)


def test_every_property_is_read() -> None:
    assert decode_publish_properties(ALL) == PublishProperties(
        payload_format=1,
        message_expiry=60,
        content_type="json",
        response_topic="r/1",
        correlation_data=b"\x00\xff",
        user_properties=(("a", "b"), ("a", "c")),
        topic_alias=5,
    )


def test_none_are_no_properties() -> None:
    assert decode_publish_properties(b"") == PublishProperties()


@pytest.mark.parametrize(
    ("raw", "code", "clause"),
    [
        ("08 0000", 0x81, "4.7.3-1"),
        ("08 0001 23", 0x81, "4.7.0-1"),
        ("08 0003 612f2b", 0x81, "4.7.0-1"),
        ("0b 01", 0x82, "2.2.2.2"),  # a Subscription Identifier from a client [MQTT-3.3.4-6]
        ("23 0000", 0x94, ""),
        ("11 00000001", 0x81, "2.2.2.2"),
        ("01 02", 0x82, ""),
        ("03 0002 61", 0x81, ""),
    ],
)
def test_a_wrong_property_has_the_code_of_its_section(raw: str, code: int, clause: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_publish_properties(bytes.fromhex(raw))
    assert raised.value.code == code
    assert clause in raised.value.text


@given(damaged(ALL))
def test_any_bytes_give_properties_or_a_protocol_error_and_nothing_else(raw: bytes) -> None:
    try:
        properties = decode_publish_properties(raw)
    except ProtocolError:
        return
    assert properties.topic_alias != 0
    assert properties.response_topic != ""
