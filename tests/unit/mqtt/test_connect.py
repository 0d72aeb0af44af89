"""CONNECT, byte by byte, in both versions."""

import pytest
from hypothesis import given

from adapter.errors import ConnectRefusedError, MalformedPacketError, ProtocolError
from adapter.model import Connect, PublishProperties, Will
from adapter.mqtt.connect import decode_connect, peek_level
from adapter.reasons import ReasonCode
from tests.support.damage import damaged

OLD = "0004 4d515454 04"
NEW = "0004 4d515454 05"

FULL_OLD = bytes.fromhex(OLD + "ee 000a 0002 6331 0003 772f31 0002 6f6b 0001 75 0002 00ff")
FULL_NEW = bytes.fromhex(
    NEW + "ee 003c"
    "2b 11 00000e10 21 0014 27 00000400 22 0005 19 01 17 00"
    "26 0001 61 0001 62 26 0001 61 0001 63 15 0001 6d 16 0002 0102"
    "0002 6331"
    "1f 18 0000000a 01 01 02 00000005 03 0001 74 08 0001 72 09 0001 63 26 0001 61 0001 62"
    "0003 772f31 0002 6f6b 0001 75 0002 00ff"
)


def new(properties: str = "", flags: str = "02", payload: str = "0002 6331") -> bytes:
    """A CONNECT of 5.0; flags, property list and payload in hex."""
    raw = bytes.fromhex(properties)
    return bytes.fromhex(NEW + flags + "003c") + bytes([len(raw)]) + raw + bytes.fromhex(payload)


def old(flags: str = "02", payload: str = "0002 6331") -> bytes:
    """A CONNECT of 3.1.1; flags and payload in hex."""
    return bytes.fromhex(OLD + flags + "003c" + payload)


def test_the_least_that_a_3_1_1_client_says() -> None:
    assert decode_connect(old()) == Connect(level=4, client_id="c1", clean_start=True, keep_alive=60)


def test_the_least_that_a_5_0_client_says() -> None:
    assert decode_connect(new()) == Connect(level=5, client_id="c1", clean_start=True, keep_alive=60)


def test_all_that_a_3_1_1_client_can_say() -> None:
    assert decode_connect(FULL_OLD) == Connect(
        level=4,
        client_id="c1",
        clean_start=True,
        keep_alive=10,
        username="u",
        password=b"\x00\xff",
        will=Will("w/1", b"ok", 1, retain=True),
    )


def test_all_that_a_5_0_client_can_say() -> None:
    assert decode_connect(FULL_NEW) == Connect(
        level=5,
        client_id="c1",
        clean_start=True,
        keep_alive=60,
        username="u",
        password=b"\x00\xff",
        will=Will(
            "w/1",
            b"ok",
            1,
            retain=True,
            delay=10,
            properties=PublishProperties(
                payload_format=1,
                message_expiry=5,
                content_type="t",
                response_topic="r",
                correlation_data=b"c",
                user_properties=(("a", "b"),),
            ),
        ),
        session_expiry=3600,
        receive_maximum=20,
        maximum_packet_size=1024,
        topic_alias_maximum=5,
        request_response_information=True,
        request_problem_information=False,
        user_properties=(("a", "b"), ("a", "c")),
        authentication_method="m",
    )


def test_properties_that_are_absent_have_the_defaults_of_section_3_1_2_11() -> None:
    connect = decode_connect(new())
    assert connect.session_expiry == 0
    assert connect.receive_maximum == 65_535
    assert connect.maximum_packet_size is None
    assert connect.topic_alias_maximum == 0
    assert connect.request_response_information is False
    assert connect.request_problem_information is True


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_will_has_its_own_qos(qos: int) -> None:
    flags = f"{0x06 | qos << 3:02x}"
    will = Will("w", b"", qos, retain=False)
    assert decode_connect(old(flags, "0002 6331 0001 77 0000")).will == will
    assert decode_connect(new("", flags, "0002 6331 00 0001 77 0000")).will == will


def test_a_5_0_client_may_send_a_password_without_a_user_name() -> None:
    connect = decode_connect(new("", "42", "0002 6331 0003 746f6b"))
    assert (connect.username, connect.password) == (None, b"tok")


def test_empty_user_name_and_password_are_there() -> None:
    connect = decode_connect(old("c2", "0002 6331 0000 0000"))
    assert (connect.username, connect.password) == ("", b"")


@pytest.mark.parametrize("body", [old("02", "0000"), new("", "02", "0000"), new("", "00", "0000")])
def test_an_empty_client_identifier_stays_empty_for_the_session_to_assign_one(body: bytes) -> None:
    assert decode_connect(body).client_id == ""


def test_a_3_1_1_client_that_wants_its_session_kept_must_name_itself() -> None:
    with pytest.raises(ConnectRefusedError) as raised:
        decode_connect(old("00", "0000"))  # [MQTT-3.1.3-8]
    assert raised.value.code is ReasonCode.CLIENT_IDENTIFIER_NOT_VALID


MALFORMED = [
    ("nothing", b"", ""),
    ("half a name", bytes.fromhex("0004 4d51"), ""),
    ("no level", bytes.fromhex("0004 4d515454"), ""),
    ("no flags", bytes.fromhex(OLD), ""),
    ("half a keep-alive", bytes.fromhex(OLD + "02 00"), ""),
    ("no client identifier", bytes.fromhex(OLD + "02 003c"), ""),
    ("client identifier cut off", old("02", "0003 6331"), ""),
    ("client identifier is not UTF-8", old("02", "0001 ff"), "1.5.3-1"),
    ("client identifier with U+0000", old("02", "0001 00"), "1.5.3-2"),
    ("reserved flag", old("03"), "3.1.2-3"),
    ("reserved flag, 5.0", new("", "03"), "3.1.2-3"),
    ("Will QoS without a Will", old("0a"), "3.1.2-13"),
    ("Will Retain without a Will", old("22"), "3.1.2-13"),
    ("Will QoS without a Will, 5.0", new("", "12"), "5.0: 3.1.2-11"),
    ("Will QoS 3", old("1e", "0002 6331 0001 77 0000"), "3.1.2-14"),
    ("Will QoS 3 without a Will", old("1a"), "3.1.2-14"),
    ("no Will topic", old("06"), ""),
    ("empty Will topic", old("06", "0002 6331 0000 0000"), "4.7.3-1"),
    ("Will topic with a wildcard", old("06", "0002 6331 0001 23 0000"), "4.7.1-1"),
    ("no Will message", old("06", "0002 6331 0001 77"), ""),
    ("no user name", old("82"), ""),
    ("user name is not UTF-8", old("82", "0002 6331 0001 ff"), "1.5.3-1"),
    ("no password", old("c2", "0002 6331 0001 75"), ""),
    ("password without user name", old("42", "0002 6331 0001 70"), "3.1.2-22"),
    ("bytes behind", old("02", "0002 6331 00"), ""),
    ("bytes behind, 5.0", new("", "02", "0002 6331 00"), ""),
    ("no property length", bytes.fromhex(NEW + "02 003c"), ""),
    ("properties longer than the packet", bytes.fromhex(NEW + "02 003c 05 0000"), ""),
    ("unknown property", new("0400"), "2.2.2.2"),
    ("property of another packet", new("23 0001"), "2.2.2.2"),
    ("property of the Will in front", new("18 00000000"), "2.2.2.2"),
    ("property of CONNECT in the Will", new("", "06", "0002 6331 05 11 00000000 0001 77 0000"), "2.2.2.2"),
    ("no Will properties", new("", "06", "0002 6331"), ""),
    ("response topic of the Will with a wildcard", new("", "06", "0002 6331 04 08 0001 2b 0001 77 0000"), "4.7.0-1"),
]


@pytest.mark.parametrize(("body", "clause"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_what_cannot_be_parsed_is_malformed(body: bytes, clause: str) -> None:
    with pytest.raises(MalformedPacketError) as raised:
        decode_connect(body)
    assert clause in raised.value.text


@pytest.mark.parametrize(
    ("properties", "clause"),
    [
        ("21 0000", "is 0"),
        ("27 00000000", "is 0"),
        ("17 02", "neither 0 nor 1"),
        ("19 02", "neither 0 nor 1"),
        ("21 0001 21 0001", "twice"),
        ("16 0001 00", "3.1.2.11.10"),
    ],
)
def test_what_can_be_parsed_and_is_not_allowed_is_a_protocol_error(properties: str, clause: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        decode_connect(new(properties))
    assert raised.value.code is ReasonCode.PROTOCOL_ERROR
    assert clause in raised.value.text


@pytest.mark.parametrize("name", ["0004 4d515455", "0004 6d717474", "0005 4d51545454", "0000", "0003 485454"])
def test_another_protocol_is_not_answered(name: str) -> None:
    body = bytes.fromhex(name + "04 02 003c 0002 6331")
    with pytest.raises(ProtocolError) as raised:
        decode_connect(body)  # [MQTT-3.1.2-1]
    assert raised.value.code is ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
    assert peek_level(body) is None


VERSIONS = [
    ("MQTT 3.1", "0006 4d5149736470 03", 4),
    ("MQTT 3.1 as a bridge", "0006 4d5149736470 83", 4),
    ("3.1's name with another level", "0006 4d5149736470 04", 4),
    ("level 0", "0004 4d515454 00", 4),
    ("level 3 with the new name", "0004 4d515454 03", 4),
    ("level 6", "0004 4d515454 06", 5),
    ("level 127", "0004 4d515454 7f", 5),
    ("3.1.1 with the bit of a bridge", "0004 4d515454 84", 4),
    ("5.0 with the bit of a bridge", "0004 4d515454 85", 5),
]


@pytest.mark.parametrize(("head", "answer"), [case[1:] for case in VERSIONS], ids=[case[0] for case in VERSIONS])
def test_another_version_is_refused_in_the_form_nearest_to_it(head: str, answer: int) -> None:
    """[MQTT-3.1.2-2]: whatever follows the level need not be read."""
    for rest in ("", "02 003c 0002 6331"):
        body = bytes.fromhex(head + rest)
        with pytest.raises(ConnectRefusedError) as raised:
            decode_connect(body)
        assert raised.value.code is ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
        assert peek_level(body) == answer


def test_the_level_of_our_versions_is_theirs_whatever_follows() -> None:
    assert [peek_level(bytes.fromhex(head + "ff")) for head in (OLD, NEW)] == [4, 5]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(decode_connect(old("c2", "0002 6331 0001 75 0006 736563726574")))


@given(damaged(FULL_OLD, FULL_NEW, old(), new()))
def test_any_bytes_give_a_connect_or_a_refusal_and_nothing_else(body: bytes) -> None:
    level = peek_level(body)
    assert level in {None, 4, 5}
    try:
        connect = decode_connect(body)
    except (ProtocolError, ConnectRefusedError):
        return
    assert connect.level == level
    assert connect.receive_maximum > 0
    assert connect.maximum_packet_size != 0
