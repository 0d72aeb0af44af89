"""The data types of MQTT packets, byte by byte."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import MalformedPacketError
from adapter.mqtt.primitives import Reader, encode_text, encode_varint, utf8

# Table 1-1 of MQTT 5.0: the smallest and the largest value for each number of bytes.
VARINTS = [
    (0, "00"),
    (1, "01"),
    (127, "7f"),
    (128, "8001"),
    (16_383, "ff7f"),
    (16_384, "808001"),
    (2_097_151, "ffff7f"),
    (2_097_152, "80808001"),
    (268_435_455, "ffffff7f"),
]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"a/b", "a/b"),
        (b"K\xc3\xbcche", "Küche"),
        (b"A\xf0\xaa\x9b\x94", "A\U0002a6d4"),  # the example of section 1.5.4
        (b"\xef\xbb\xbfa", "\ufeffa"),  # kept, not stripped [MQTT-1.5.4-3]
        (b"\x01\x7f", "\x01\x7f"),  # control characters may be refused; they are not
    ],
)
def test_a_string_is_what_its_utf8_says(raw: bytes, text: str) -> None:
    assert utf8(raw) == text


@pytest.mark.parametrize(
    ("raw", "clause"),
    [
        (b"\xff", "1.5.4-1"),
        (b"a\xc3", "1.5.4-1"),
        (b"\xc0\xaf", "1.5.4-1"),  # overlong
        (b"\xf4\x90\x80\x80", "1.5.4-1"),  # beyond U+10FFFF
        (b"\xed\xa0\x80", "1.5.4-1"),  # U+D800
        (b"\xed\xbf\xbf", "1.5.4-1"),  # U+DFFF
        (b"\xed\xa0\xbd\xed\xb8\x80", "1.5.4-1"),  # a pair of surrogates
        (b"\xc0\x80", "1.5.4-1"),  # U+0000 as Java writes it
        (b"a\x00b", "1.5.4-2"),
    ],
)
def test_a_string_that_is_not_utf8_or_has_u0000_is_malformed(raw: bytes, clause: str) -> None:
    with pytest.raises(MalformedPacketError, match=clause):
        utf8(raw)


@given(st.binary(max_size=8))
def test_any_bytes_are_the_string_that_they_encode_or_malformed(raw: bytes) -> None:
    try:
        text = utf8(raw)
    except MalformedPacketError:
        return
    assert text.encode() == raw
    assert "\0" not in text


def test_values_are_read_one_after_the_other() -> None:
    reader = Reader(bytes.fromhex("07 0102 01020304 0002ff00 000161 26000162000163260000000164 8001 000a"))
    assert reader.u8() == 7
    assert reader.u16() == 0x0102
    assert reader.u32() == 0x01020304
    assert reader.binary() == b"\xff\x00"
    assert reader.text() == "a"
    assert reader.pairs(0x26, 9) == [("b", "c"), ("", "d")]
    assert reader.varint() == 128
    assert reader.packet_id() == b"\x00\x0a"
    assert reader.at_end
    reader.finish()


def pairs(reader: Reader) -> list[tuple[str, str]]:
    return reader.pairs(0x26, 9)


def test_pairs_end_at_the_most_that_are_wanted_and_where_the_reader_ends() -> None:
    data = bytes.fromhex("260000000026000000002600000000")
    reader = Reader(data)
    assert reader.pairs(0x26, 2) == [("", "")] * 2
    assert reader.pos == 10
    with pytest.raises(MalformedPacketError):
        Reader(data, 0, 9).pairs(0x26, 2)


@pytest.mark.parametrize("raw", ["260001800000", "260000000180", "260001000000", "260000000100"])
def test_the_texts_of_pairs_are_checked(raw: str) -> None:
    with pytest.raises(MalformedPacketError):
        pairs(Reader(bytes.fromhex(raw)))


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (Reader.u8, ""),
        (Reader.u16, "01"),
        (Reader.u32, "010203"),
        (Reader.binary, "00"),
        (Reader.binary, "000261"),
        (Reader.text, "000261"),
        (pairs, "26"),
        (pairs, "2600"),
        (pairs, "260001"),
        (pairs, "26000161"),
        (pairs, "2600016100"),
        (pairs, "26000161000262"),
        (Reader.varint, ""),
        (Reader.varint, "80"),
        (Reader.varint, "ffffff"),
        (Reader.packet_id, "01"),
        (Reader.part, ""),
        (Reader.part, "0261"),
    ],
)
def test_a_value_that_is_cut_off_is_malformed(read: Callable[[Reader], object], raw: str) -> None:
    with pytest.raises(MalformedPacketError):
        read(Reader(bytes.fromhex(raw)))


def test_a_part_ends_where_its_length_says_and_not_before_its_own_bytes_are_read() -> None:
    reader = Reader(bytes.fromhex("02 0102 03"))
    part = reader.part()
    assert part.u16() == 0x0102
    assert part.at_end
    with pytest.raises(MalformedPacketError):
        part.u8()
    assert reader.u8() == 3


def test_bytes_that_are_left_over_are_malformed() -> None:
    with pytest.raises(MalformedPacketError):
        Reader(b"x").finish()


def test_packet_identifier_0_is_malformed() -> None:
    with pytest.raises(MalformedPacketError, match=r"MQTT-2\.3\.1-1"):
        Reader(b"\0\0").packet_id()


@pytest.mark.parametrize(("value", "raw"), VARINTS)
def test_a_variable_byte_integer_is_written_and_read_as_in_the_specification(value: int, raw: str) -> None:
    assert encode_varint(value) == bytes.fromhex(raw)
    assert Reader(bytes.fromhex(raw)).varint() == value


@pytest.mark.parametrize(
    "raw", ["8080808001", "ffffffff7f", "8000", "808000", "ff8000"], ids=["5", "5 full", "0 in 2", "0 in 3", "127 in 3"]
)
def test_a_variable_byte_integer_longer_than_four_bytes_or_than_it_must_be_is_malformed(raw: str) -> None:
    with pytest.raises(MalformedPacketError, match=r"1\.5\.5"):
        Reader(bytes.fromhex(raw)).varint()


@given(st.integers(0, 268_435_455))
def test_every_variable_byte_integer_is_read_back(value: int) -> None:
    reader = Reader(encode_varint(value))
    assert reader.varint() == value
    assert reader.at_end


def test_a_string_is_written_with_its_length_in_bytes() -> None:
    assert encode_text("Küche") == b"\x00\x06K\xc3\xbcche"
    assert encode_text("") == b"\0\0"
    assert len(encode_text("x" * 65_535)) == 65_537


def test_a_string_too_long_to_be_written_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError):
        encode_text("x" * 65_536)
