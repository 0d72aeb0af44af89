"""Bytes of one connection that cannot be taken yet: an incomplete packet, or packets behind a waiting publish."""

from __future__ import annotations

from adapter.errors import MalformedPacketError
from adapter.mqtt.framing import packet_size, remaining_length

FIXED_HEADER = 2  # bytes, at least
PINGREQ = b"\xc0\x00"
# While publishes wait for Kafka, reading stops when this many bytes are held: enough for the packets of a device with a
# handful of messages in flight, and its PINGREQ.
# Packets: thousands of connections may be lost at once, each with thousands of packets that nobody will take.
FEW = 100
READ_AHEAD = 4096


class ReceiveBuffer:
    """Begins at the first byte of a packet. `read_at` (monotonic seconds) is the time of the last read."""

    __slots__ = ("_data", "_need", "_seen", "read_at")

    def __init__(self, data: bytes, read_at: float) -> None:
        self.read_at = read_at
        self._data = bytearray(data)
        try:
            self._need = packet_size(self._data)
        except MalformedPacketError:  # said in its turn
            self._need = 0
        self._seen = 0  # offset of the first packet not searched for pings; may be beyond the data

    def add(self, data: bytes, read_at: float) -> None:
        """Append bytes."""
        self._data += data
        self.read_at = read_at

    def __len__(self) -> int:
        return len(self._data)

    @property
    def data(self) -> bytes:
        """All held bytes."""
        return bytes(self._data)

    @property
    def complete(self) -> bool:
        """Whether the first packet may be complete now."""
        return len(self._data) >= self._need

    @property
    def enough(self) -> bool:
        """Whether to stop reading ahead."""
        return len(self._data) >= READ_AHEAD

    def find(self, first: int) -> bytes | None:
        """The body of the first whole packet with this first byte, if it is among the next few."""
        data = self.data
        at = 0
        for _ in range(FEW):
            if at >= len(data):
                break
            try:
                header = remaining_length(data, at + 1)
            except MalformedPacketError:
                break
            if header is None:
                break
            length, start = header
            if data[at] == first and start + length <= len(data):
                return data[start : start + length]
            at = start + length
        return None

    def take_pings(self) -> int:
        """Remove the PINGREQ packets, which need not wait for the publishes in front; returns how many there were."""
        data = self._data
        seen = self._seen
        kept: list[bytearray] = []  # pieces between the pings
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
