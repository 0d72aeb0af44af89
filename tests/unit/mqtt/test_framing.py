"""Where packets end."""

import pytest

from adapter.errors import MalformedPacketError
from adapter.mqtt.framing import packet_size, remaining_length


@pytest.mark.parametrize(
    ("raw", "length", "start"),
    [
        ("00", 0, 1),
        ("7f", 127, 1),
        ("8001", 128, 2),
        ("ff7f", 16_383, 2),
        ("808001", 16_384, 3),
        ("ffffff7f", 268_435_455, 4),
    ],
)
def test_the_remaining_length_is_read_with_the_place_where_the_body_begins(raw: str, length: int, start: int) -> None:
    assert remaining_length(bytes.fromhex("c0" + raw), 1) == (length, 1 + start)


@pytest.mark.parametrize("raw", ["", "80", "8080", "ffffff"])
def test_a_remaining_length_that_has_not_arrived_is_waited_for(raw: str) -> None:
    assert remaining_length(bytes.fromhex("c0" + raw), 1) is None


@pytest.mark.parametrize("raw", ["80808080", "ffffffff", "8080808001"])
def test_a_remaining_length_of_five_bytes_is_malformed_as_soon_as_the_fourth_is_here(raw: str) -> None:
    with pytest.raises(MalformedPacketError):
        remaining_length(bytes.fromhex("c0" + raw), 1)


@pytest.mark.parametrize("raw", ["8000", "808000", "80808000", "ff00"])
def test_a_remaining_length_of_more_bytes_than_it_must_have_is_malformed_where_it_must_be_minimal(raw: str) -> None:
    data = bytes.fromhex("c0" + raw)
    assert remaining_length(data, 1) is not None
    with pytest.raises(MalformedPacketError):
        remaining_length(data, 1, minimal=True)


def test_the_size_of_a_packet_counts_its_header() -> None:
    assert packet_size(bytearray.fromhex("30 05 0001")) == 7
    assert packet_size(bytearray.fromhex("30 8001 0001")) == 131


def test_a_packet_whose_size_is_not_known_is_larger_than_what_is_here() -> None:
    assert packet_size(bytearray.fromhex("30 80")) == 3
