"""The first byte of a packet."""

from adapter.mqtt.packet_types import FIXED_FLAGS, PacketType


def test_types_and_flags_are_those_of_the_specification() -> None:
    """Tables 2.1 and 2.2 of 3.1.1, 2-1 and 2-2 of 5.0: PUBREL, SUBSCRIBE and UNSUBSCRIBE carry 0010."""
    first_bytes = {kind.name: kind << 4 | flags for kind, flags in FIXED_FLAGS.items()}
    assert first_bytes == {
        "CONNECT": 0x10,
        "CONNACK": 0x20,
        "PUBACK": 0x40,
        "PUBREC": 0x50,
        "PUBREL": 0x62,
        "PUBCOMP": 0x70,
        "SUBSCRIBE": 0x82,
        "SUBACK": 0x90,
        "UNSUBSCRIBE": 0xA2,
        "UNSUBACK": 0xB0,
        "PINGREQ": 0xC0,
        "PINGRESP": 0xD0,
        "DISCONNECT": 0xE0,
        "AUTH": 0xF0,
    }


def test_the_flags_of_a_publish_are_its_own() -> None:
    assert PacketType.PUBLISH.value == 3
    assert PacketType.PUBLISH not in FIXED_FLAGS
