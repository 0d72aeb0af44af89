"""The packets that the adapter sends, byte by byte, and as paho reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet as paho
from paho.mqtt.enums import MQTTProtocolVersion

from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.replies import (
    PINGRESP,
    ConnackProperties,
    encode_ack,
    encode_connack,
    encode_disconnect,
    encode_suback,
    encode_unsuback,
)
from adapter.reasons import PUBACK_CODE, ReasonCode
from tests.support.packets import varint

ID = b"\x00\x0a"
PUBACK = PacketType.PUBACK
V5 = MQTTProtocolVersion.MQTTv5
V4 = MQTTProtocolVersion.MQTTv311
FULL = ConnackProperties(
    session_expiry=0,
    receive_maximum=1000,
    maximum_packet_size=262_144,
    assigned_client_identifier="auto-1",
    topic_alias_maximum=64,
    reason_string="no",
)

# Section 3.2.2.3 of 3.1.1 for every code that can end a CONNECT.
RETURN_CODES = {
    ReasonCode.SUCCESS: 0,
    ReasonCode.UNSUPPORTED_PROTOCOL_VERSION: 1,
    ReasonCode.CLIENT_IDENTIFIER_NOT_VALID: 2,
    ReasonCode.SERVER_UNAVAILABLE: 3,
    ReasonCode.SERVER_BUSY: 3,
    ReasonCode.SERVER_SHUTTING_DOWN: 3,
    ReasonCode.QUOTA_EXCEEDED: 3,
    ReasonCode.CONNECTION_RATE_EXCEEDED: 3,
    ReasonCode.UNSPECIFIED_ERROR: 3,
    ReasonCode.BAD_USER_NAME_OR_PASSWORD: 4,
    ReasonCode.NOT_AUTHORIZED: 5,
    ReasonCode.BANNED: 5,
}


def body(packet: bytes) -> bytes:
    """What follows the fixed header, whose length must be right."""
    for header in range(2, 6):
        if packet[1:header] == varint(len(packet) - header):
            return packet[header:]
    raise AssertionError("the remaining length is wrong")


@pytest.mark.parametrize(("code", "return_code"), RETURN_CODES.items())
def test_a_3_1_1_client_reads_the_return_code_nearest_to_the_reason(code: ReasonCode, return_code: int) -> None:
    assert encode_connack(4, code, properties=FULL) == bytes([0x20, 2, 0, return_code])


def test_session_present_is_the_first_bit_in_both_versions() -> None:
    assert encode_connack(4, ReasonCode.SUCCESS, session_present=True) == bytes.fromhex("20 02 01 00")
    assert encode_connack(5, ReasonCode.SUCCESS, session_present=True) == bytes.fromhex("20 03 01 00 00")


def test_a_5_0_client_reads_what_it_was_given() -> None:
    assert encode_connack(5, ReasonCode.SUCCESS, properties=FULL) == bytes.fromhex(
        "20 21 00 00 1e 11 00000000 21 03e8 27 00040000 12 0006 6175746f2d31 22 0040 1f 0002 6e6f"
    )


def test_a_property_of_the_connack_that_is_none_is_not_said() -> None:
    assert encode_connack(5, ReasonCode.NOT_AUTHORIZED) == bytes.fromhex("20 03 00 87 00")


def test_a_puback_of_a_message_that_kafka_has_is_four_bytes_in_both_versions() -> None:
    """5.0 may leave out the reason code 0 and the properties (3.4.2.1)."""
    assert encode_ack(PUBACK, ID) == bytes.fromhex("40 02 000a")


def test_a_negative_puback_says_why() -> None:
    assert encode_ack(PUBACK, ID, ReasonCode.NOT_AUTHORIZED) == bytes.fromhex("40 03 000a 87")
    assert encode_ack(PUBACK, ID, ReasonCode.NOT_AUTHORIZED, "no") == bytes.fromhex("40 09 000a 87 05 1f 0002 6e6f")


def test_a_suback_refuses_each_filter_in_the_words_of_its_version() -> None:
    code = ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR
    assert encode_suback(4, ID, 3, code) == bytes.fromhex("90 05 000a 80 80 80")
    assert encode_suback(5, ID, 3, code) == bytes.fromhex("90 06 000a 00 83 83 83")


def test_a_suback_of_many_filters_has_a_longer_length() -> None:
    assert encode_suback(4, ID, 200, ReasonCode.UNSPECIFIED_ERROR)[:3] == bytes.fromhex("90 ca01")


def test_an_unsuback_has_codes_in_5_0_only() -> None:
    code = ReasonCode.NO_SUBSCRIPTION_EXISTED
    assert encode_unsuback(4, ID, 2, code) == bytes.fromhex("b0 02 000a")
    assert encode_unsuback(5, ID, 2, code) == bytes.fromhex("b0 05 000a 00 11 11")


def test_a_disconnect_says_why() -> None:
    assert encode_disconnect(ReasonCode.SERVER_BUSY) == bytes.fromhex("e0 01 89")
    assert encode_disconnect(ReasonCode.SERVER_BUSY, "no") == bytes.fromhex("e0 07 89 05 1f 0002 6e6f")


def test_a_pingresp_is_two_bytes() -> None:
    assert bytes.fromhex("d000") == PINGRESP


def test_a_reason_string_is_left_out_of_a_packet_that_would_be_one_byte_too_large() -> None:
    """[MQTT-3.2.2-19, 3.4.2-2, 3.14.2-3]."""
    code = ReasonCode.QUOTA_EXCEEDED
    why = ConnackProperties(receive_maximum=9, reason_string="no")
    assert encode_connack(5, code, properties=why, limit=13) == bytes.fromhex("20 0b 00 97 08 21 0009 1f 0002 6e6f")
    assert encode_connack(5, code, properties=why, limit=12) == bytes.fromhex("20 06 00 97 03 21 0009")
    assert encode_ack(PUBACK, ID, code, "no", limit=11) == bytes.fromhex("40 09 000a 97 05 1f 0002 6e6f")
    assert encode_ack(PUBACK, ID, code, "no", limit=10) == bytes.fromhex("40 03 000a 97")
    assert encode_disconnect(code, "no", limit=9) == bytes.fromhex("e0 07 97 05 1f 0002 6e6f")
    assert encode_disconnect(code, "no", limit=8) == bytes.fromhex("e0 01 97")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(5, 400))
def test_no_packet_with_a_reason_string_is_larger_than_the_limit(reason: str, limit: int) -> None:
    why = ConnackProperties(reason_string=reason)
    for packet in (
        encode_connack(5, ReasonCode.BANNED, properties=why, limit=limit),
        encode_ack(PUBACK, ID, ReasonCode.NOT_AUTHORIZED, reason, limit=limit),
        encode_disconnect(ReasonCode.SERVER_BUSY, reason, limit=limit),
    ):
        assert len(packet) <= limit
        body(packet)


@given(
    st.builds(
        ConnackProperties,
        session_expiry=st.none() | st.integers(0, 2**32 - 1),
        receive_maximum=st.none() | st.integers(1, 65_535),
        maximum_packet_size=st.none() | st.integers(1, 268_435_455),
        assigned_client_identifier=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        topic_alias_maximum=st.none() | st.integers(0, 65_535),
        reason_string=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200),
    )
)
def test_paho_reads_the_connack_that_was_meant(properties: ConnackProperties) -> None:
    packet = encode_connack(5, ReasonCode.SUCCESS, properties=properties)
    connack = paho.decode_connack(packet[0], body(packet), V5)
    assert (connack.flags, connack.reason.value) == (0, 0)
    read = vars(connack.properties)
    assert (
        ConnackProperties(
            session_expiry=read.get("SessionExpiryInterval"),
            receive_maximum=read.get("ReceiveMaximum"),
            maximum_packet_size=read.get("MaximumPacketSize"),
            assigned_client_identifier=read.get("AssignedClientIdentifier"),
            topic_alias_maximum=read.get("TopicAliasMaximum"),
            reason_string=read.get("ReasonString"),
        )
        == properties
    )


@pytest.mark.parametrize("code", set(PUBACK_CODE.values()), ids=lambda code: code.name)
def test_paho_knows_every_reason_that_a_puback_gives(code: ReasonCode) -> None:
    packet = encode_ack(PUBACK, ID, code, "why")
    puback = paho.decode_puback(packet[0], body(packet), V5)
    assert (puback.mid, puback.reason.value, vars(puback.properties)["ReasonString"]) == (10, code, "why")


def test_paho_reads_the_other_replies_that_were_meant() -> None:
    packet = encode_suback(5, ID, 2, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR)
    suback = paho.decode_suback(packet[0], body(packet), V5)
    assert (suback.mid, [code.value for code in suback.reason_codes]) == (10, [0x83, 0x83])
    packet = encode_suback(4, ID, 2, ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR)
    assert paho.decode_suback(packet[0], body(packet), V4).granted_qos == (0x80, 0x80)
    packet = encode_unsuback(5, ID, 2, ReasonCode.NO_SUBSCRIPTION_EXISTED)
    unsuback = paho.decode_unsuback(packet[0], body(packet), V5)
    assert (unsuback.mid, [code.value for code in unsuback.reason_codes]) == (10, [0x11, 0x11])
    packet = encode_disconnect(ReasonCode.SERVER_SHUTTING_DOWN, "why")
    disconnect = paho.decode_disconnect(packet[0], body(packet), V5)
    assert disconnect.reason is not None
    assert disconnect.reason.value == 0x8B
    assert vars(disconnect.properties)["ReasonString"] == "why"
