"""Bytes of one connection that cannot be taken yet: a packet's first half, or whatever waits with a publish."""

from __future__ import annotations

from adapter.errors import MalformedPacketError
from adapter.mqtt.framing import packet_size, remaining_length

FIXED_HEADER = 2  # bytes, at least
PINGREQ = b"\xc0\x00"
# While publishes wait for Kafka so many bytes are held before the socket is read no further: the packets of a device
# with a handful of messages in flight, and its PINGREQ.
READ_AHEAD = 4096


class ReceiveBuffer:
    """Begins with the first byte of a packet. `read_at` (monotonic seconds) is when the last of it was read."""

    __slots__ = ("_data", "_need", "_seen", "read_at")

    def __init__(self, data: bytes, read_at: float) -> None:
        self.read_at = read_at
        self._data = bytearray(data)
        try:
            self._need = packet_size(self._data)
        except MalformedPacketError:  # said in its turn
            self._need = 0
        self._seen = 0  # where the first packet begins that was not looked at for pings; maybe behind the data

    def add(self, data: bytes, read_at: float) -> None:
        """Hold more."""
        self._data += data
        self.read_at = read_at

    @property
    def bytes(self) -> bytes:
        """All of it."""
        return bytes(self._data)

    @property
    def complete(self) -> bool:
        """Whether the first packet may be whole now."""
        return len(self._data) >= self._need

    @property
    def enough(self) -> bool:
        """Whether to read no further."""
        return len(self._data) >= READ_AHEAD

    def take_pings(self) -> int:
        """Cut out the PINGREQ packets, which need not wait for the publishes in front of them; returns how many."""
        data = self._data
        seen = self._seen
        kept: list[bytearray] = []  # what is not a ping, in pieces
        begin = pings = 0
        while len(data) - seen >= FIXED_HEADER:
            if data[seen : seen + len(PINGREQ)] == PINGREQ:
                if begin < seen:
                    kept.append(data[begin:seen])
                seen = begin = seen + len(PINGREQ)
                pings += 1
                continue
            try:
                header = remaining_length(data, seen + 1)
            except MalformedPacketError:  # its turn comes
                seen = len(data) + READ_AHEAD
                break
            if header is None:
                break
            length, start = header
            seen = start + length
        if pings:
            kept.append(data[begin:])
            self._data = bytearray().join(kept)
        self._seen = seen - pings * len(PINGREQ)
        return pings
