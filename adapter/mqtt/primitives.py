"""MQTT's data types (section 1.5 of both specifications): decoded with checks, and encoded."""

from __future__ import annotations

from adapter.errors import MalformedPacketError

_CONTINUES = 0x80
_LONGEST_STRING = 65_535
_LARGEST_VARINT = 268_435_455


def utf8(raw: bytes) -> str:
    """Decode a UTF-8 string; a leading byte order mark is kept [MQTT-1.5.3-3, 5.0: 1.5.4-3].

    Raises MalformedPacketError for ill-formed bytes, including surrogates, and for U+0000.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise MalformedPacketError("a string is not UTF-8 [MQTT-1.5.3-1, 5.0: 1.5.4-1]") from None
    if "\0" in text:
        raise MalformedPacketError("a string contains U+0000 [MQTT-1.5.3-2, 5.0: 1.5.4-2]")
    return text


def _ends_too_early() -> MalformedPacketError:
    return MalformedPacketError("the packet ends too early")


class Reader:
    """Reads a packet's body from front to end; every method raises MalformedPacketError if bytes are missing."""

    __slots__ = ("_data", "_end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self._data = data
        self.pos = pos
        self._end = len(data) if end is None else end

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self.pos >= self._end

    def take(self, size: int) -> bytes:
        """`size` raw bytes."""
        after = self.pos + size
        if after > self._end:
            raise _ends_too_early()
        raw = self._data[self.pos : after]
        self.pos = after
        return raw

    def u8(self) -> int:
        """A byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """A two byte integer."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """A four byte integer."""
        return int.from_bytes(self.take(4), "big")

    def binary(self) -> bytes:
        """Binary data with its length."""
        return self.take(self.u16())

    def text(self) -> str:
        """A UTF-8 string with its length."""
        return utf8(self.binary())

    def pairs(self, before: int, most: int) -> list[tuple[str, str]]:
        """The UTF-8 string pairs that follow [MQTT-1.5.7-1], each behind the byte `before`: at most `most` of them.

        A packet may have thousands, so this reads the lengths itself: a call for each would take five times as long.
        """
        data, pos, end = self._data, self.pos, self._end
        found: list[tuple[str, str]] = []
        while pos < end and data[pos] == before and len(found) < most:
            name_at = pos + 3
            if name_at > end:
                raise _ends_too_early()
            name_end = name_at + (data[pos + 1] << 8) + data[pos + 2]
            value_at = name_end + 2
            if value_at > end:
                raise _ends_too_early()
            pos = value_at + (data[name_end] << 8) + data[name_end + 1]
            if pos > end:
                raise _ends_too_early()
            found.append((utf8(data[name_at:name_end]), utf8(data[value_at:pos])))
        self.pos = pos
        return found

    def varint(self) -> int:
        """A variable byte integer of at most four bytes (5.0 section 1.5.5)."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < _CONTINUES:
                if shift and not byte:
                    raise MalformedPacketError("a variable byte integer is longer than it must be [MQTT-1.5.5-1]")
                return value
        raise MalformedPacketError("a variable byte integer is longer than four bytes (1.5.5)")

    def packet_id(self) -> bytes:
        """A packet identifier, as on the wire; never 0."""
        raw = self.take(2)
        if raw == b"\0\0":
            raise MalformedPacketError("packet identifier 0 [MQTT-2.3.1-1, 5.0: 2.2.1-3]")
        return raw

    def part(self) -> Reader:
        """A reader for a property list, whose length precedes it as a variable byte integer."""
        size = self.varint()
        after = self.pos + size
        if after > self._end:
            raise MalformedPacketError("the properties are longer than the packet")
        part = Reader(self._data, self.pos, after)
        self.pos = after
        return part

    def finish(self) -> None:
        """Check that nothing is left."""
        if self.pos != self._end:
            raise MalformedPacketError("the packet has more bytes than it may")


def encode_varint(value: int) -> bytes:
    """Encode a variable byte integer [MQTT-1.5.5-1]."""
    assert 0 <= value <= _LARGEST_VARINT
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        if not value:
            out.append(digit)
            return bytes(out)
        out.append(digit | _CONTINUES)


def encode_text(text: str) -> bytes:
    """Encode a UTF-8 string with its length; the caller ensures at most 65,535 bytes."""
    raw = text.encode()
    assert len(raw) <= _LONGEST_STRING
    return len(raw).to_bytes(2, "big") + raw
