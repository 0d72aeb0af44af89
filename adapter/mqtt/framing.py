"""The fixed header and its Remaining Length (3.1.1 section 2.2, 5.0 section 2.1)."""

from adapter.errors import MalformedPacketError

_CONTINUES = 0x80


def remaining_length(data: bytes | bytearray, at: int, *, minimal: bool = False) -> tuple[int, int] | None:
    """Decode the Remaining Length at `at`; returns it and the offset of the body, or None while bytes are missing.

    Raises MalformedPacketError for more than four bytes, and with `minimal` for an encoding that is longer than
    necessary: 5.0 forbids it [MQTT-1.5.5-1], 3.1.1 does not.
    """
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= len(data):
            return None
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _CONTINUES:
            if minimal and not byte and shift:
                raise MalformedPacketError("the remaining length is longer than it must be [MQTT-1.5.5-1]")
            return value, at
    raise MalformedPacketError("the remaining length is longer than four bytes")


def packet_size(data: bytes | bytearray) -> int:
    """The size of the packet at the beginning of `data`; one more byte than there is, while it is unknown."""
    length = remaining_length(data, 1)
    return len(data) + 1 if length is None else length[0] + length[1]
