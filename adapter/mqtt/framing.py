"""Where a packet ends: the fixed header (3.1.1 section 2.2, 5.0 section 2.1)."""

from adapter.errors import MalformedPacketError

_CONTINUES = 0x80


def remaining_length(data: bytes | bytearray, at: int, *, minimal: bool = False) -> tuple[int, int] | None:
    """The Remaining Length that stands at `at`, and where the body begins; None while bytes are missing.

    Raises MalformedPacketError when it takes more than four bytes, or with `minimal` more bytes than it must: 5.0
    forbids that [MQTT-1.5.5-1], 3.1.1 does not.
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
    """How many bytes the packet that `data` begins with has in all, as far as can be told: more than it has now."""
    length = remaining_length(data, 1)
    return len(data) + 1 if length is None else length[0] + length[1]
