"""A device as a socket: bytes out, whole packets in."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from tests.support import packets

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 15.0


class Wire:
    """A connection to the adapter; nothing of the product's codec is used."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), SECONDS)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The next packet, or nothing when the server has closed the connection."""
        head = self._exactly(1)
        if not head:
            return b""
        length = shift = 0
        while True:
            digit = self._exactly(1)
            head += digit
            length |= (digit[0] & 0x7F) << shift
            shift += 7
            if digit[0] < 0x80:
                return head + self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                assert not data, f"closed within a packet, after {data!r}"
                return b""
            data += more
        return data

    def close(self) -> None:
        """Close the connection; again does no harm."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def connack_code(port: int, level: int, username: str | None = None, password: str | None = None) -> int:
    """Connect, and return the code of the CONNACK."""
    with Wire(port) as wire:
        wire.send(packets.connect(level=level, username=username, password=password))
        connack = wire.receive()
        assert connack[0] == 0x20
        return connack[3]


def puback_code(puback: bytes) -> int:
    """The reason code of a PUBACK."""
    assert puback[0] == 0x40
    return puback[4] if puback[1] > 2 else 0


def text_property(number: int, *values: str | bytes) -> bytes:
    """A property of MQTT 5.0 that holds text, bytes, or a pair of texts."""
    return bytes([number]) + b"".join(packets.text(value) for value in values)
