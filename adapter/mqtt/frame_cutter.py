"""Incomplete WebSocket frames (RFC 6455 section 5.2), turned into fragments.

The library buffers a frame until it is complete, and a frame may be of any size. So the part that has arrived is given
to it as a fragment, and the rest as further fragments (section 5.4). An incomplete MQTT packet is then held by the
session, with the same limits as over TCP.
"""

from __future__ import annotations

import struct

from adapter.errors import ProtocolError
from adapter.reasons import ReasonCode

FIN = 0x80
MASKED = 0x80
OPCODE = 0x0F
LARGEST_DATA_OPCODE = 0x2  # continuation, text and binary
LARGEST_CONTROL = 125  # bytes of a control frame; the library looks only when it has them all
LENGTH = 0x7F
IN_2_BYTES, IN_8_BYTES = 126, 127
LARGEST_FRAME = 2**63 - 1  # "the most significant bit MUST be 0"
KEY = 4  # bytes


class FrameCutter:
    """The bytes of one client. `_left` bytes of its last frame are missing; with a `_key`, they become fragments."""

    __slots__ = ("_first", "_key", "_last", "_left", "_start")

    def __init__(self) -> None:
        self._start = b""  # of a header
        self._left = 0
        self._key = b""  # that masks the next byte, and the three behind it
        self._first = 0  # of the next fragment's header
        self._last = 0  # of the last fragment's, FIN and reserved bits

    def cut(self, data: bytes) -> bytes:
        """The same payload in complete frames. Raises ProtocolError; other errors are left to the library."""
        data = self._start + data
        self._start = b""
        pieces: list[bytes] = []
        begin = pos = 0  # what is between them goes on as it is
        end = len(data)
        while pos < end:
            if not self._left:
                header = _header(data, pos)
                if header is None:
                    self._start = data[pos:]
                    break
                start, length = header
                if data[pos] & OPCODE > LARGEST_DATA_OPCODE and length > LARGEST_CONTROL:
                    raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "a control frame of more than 125 bytes")
                cut = end - start < length <= LARGEST_FRAME and data[pos] & OPCODE <= LARGEST_DATA_OPCODE
                if cut and data[pos + 1] & MASKED:
                    self._first = data[pos] & ~FIN
                    self._last = data[pos] & FIN
                    self._key = data[start - KEY : start]
                    pieces.append(data[begin:pos])
                    begin = start
                else:
                    self._key = b""
                self._left = length
                pos = start
            size = min(self._left, end - pos)
            self._left -= size
            if self._key and size:
                pieces.append(self._fragment(size))
            pos += size
        pieces.append(data[begin:pos])
        return b"".join(pieces)

    def _fragment(self, size: int) -> bytes:
        """The header of one."""
        first = self._first if self._left else self._first | self._last
        key = self._key
        self._first = 0  # a continuation
        turned = size % KEY
        self._key = key[turned:] + key[:turned]
        if size < IN_2_BYTES:
            return struct.pack("!BB", first, MASKED | size) + key
        if size < 2**16:
            return struct.pack("!BBH", first, MASKED | IN_2_BYTES, size) + key
        return struct.pack("!BBQ", first, MASKED | IN_8_BYTES, size) + key


def _header(data: bytes, pos: int) -> tuple[int, int] | None:
    """Where the payload begins, behind its key if it is masked, and its length; None when the header is not whole."""
    start = pos + 2
    if start > len(data):
        return None
    length = data[pos + 1] & LENGTH
    end = start + (KEY if data[pos + 1] & MASKED else 0)
    if length >= IN_2_BYTES:
        extended = 2 if length == IN_2_BYTES else 8
        end += extended
        length = int.from_bytes(data[start : start + extended], "big")
    return (end, length) if end <= len(data) else None
