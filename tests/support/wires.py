"""A connection in memory: what asyncio would do with it, and devices that speak TLS and WebSocket to it in bytes."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.mqtt.connection import Connection

SUBPROTOCOL = ["mqtt"]


class FakeTransport:
    """A socket's transport. `sent` is what the adapter wrote and nobody took yet."""

    def __init__(self, address: str | None = "192.0.2.7") -> None:
        self.address = address
        self.sent = bytearray()
        self.reading = True
        self.half_closed = False
        self.aborted = False

    def get_extra_info(self, name: str) -> object:
        return (self.address, 50_000) if name == "peername" and self.address is not None else None

    def write(self, data: bytes) -> None:
        assert not self.half_closed, "nothing may follow the end"
        self.sent += data

    def write_eof(self) -> None:
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def take(self) -> bytes:
        sent = bytes(self.sent)
        self.sent.clear()
        return sent


class Socket:
    """The device's end: `send` brings bytes to the adapter as reads of at most `chunk` bytes."""

    def __init__(self, connection: Connection, address: str | None = "192.0.2.7", chunk: int = 65_536) -> None:
        self.connection = connection
        self.transport = FakeTransport(address)
        self.chunk = chunk
        connection.connection_made(self.transport)  # type: ignore[arg-type]

    def send(self, data: bytes) -> None:
        while data:
            buffer = self.connection.get_buffer(-1)
            size = min(len(buffer), len(data), self.chunk)
            buffer[:size] = data[:size]
            data = data[size:]
            self.connection.buffer_updated(size)

    def take(self) -> bytes:
        return self.transport.take()

    @property
    def closed(self) -> bool:
        """The adapter has said its last word."""
        return self.transport.half_closed or self.transport.aborted


class TlsDevice:
    """TLS over something that has `send` and `take`."""

    def __init__(
        self,
        below: Socket,
        cafile: Path,
        certificate: tuple[Path, Path] | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile)
        context.minimum_version = context.maximum_version = version
        if certificate is not None:
            context.load_cert_chain(*certificate)
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")

    def shake_hands(self) -> None:
        """To the end of the handshake, as this side sees it. Raises ssl.SSLError."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange()
            else:
                self._exchange()
                return

    def _exchange(self) -> None:
        self._below.send(self._outgoing.read())
        self._incoming.write(self._below.take())

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self._below.send(self._outgoing.read())

    def take(self) -> bytes:
        """What has come; raises ssl.SSLZeroReturnError behind the last of it."""
        self._incoming.write(self._below.take())
        plain = b""
        try:
            while piece := self.tls.read(65_536):
                plain += piece
        except ssl.SSLWantReadError:
            pass
        return plain

    def send_close(self) -> None:
        """close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            self._below.send(self._outgoing.read())


class WebSocketDevice:
    """WebSocket over something that has `send` and `take`."""

    def __init__(self, below: Socket | TlsDevice, path: str = "/mqtt", **options: object) -> None:
        options.setdefault("subprotocols", SUBPROTOCOL)
        self._below = below
        self.protocol = ClientProtocol(parse_uri(f"ws://adapter{path}"), **options)  # type: ignore[arg-type]

    def upgrade(self, more: bytes = b"") -> Response:
        """Ask, and return the answer; `more` is sent behind the request without waiting."""
        self.protocol.send_request(self.protocol.connect())
        self._below.send(b"".join(self.protocol.data_to_send()) + more)
        [answer] = self._events()[:1]
        assert isinstance(answer, Response)
        return answer

    def send(self, data: bytes) -> None:
        """One frame."""
        self.protocol.send_binary(data)
        self.flush()

    def flush(self) -> None:
        """Send what the protocol has made."""
        self._below.send(b"".join(self.protocol.data_to_send()))

    def _events(self) -> list[object]:
        self.protocol.receive_data(self._below.take())
        return list(self.protocol.events_received())

    def frames(self) -> list[tuple[Opcode, bytes]]:
        return [(frame.opcode, bytes(frame.data)) for frame in self._events() if isinstance(frame, Frame)]

    def take(self) -> bytes:
        """What binary frames have brought."""
        return b"".join(data for opcode, data in self.frames() if opcode is Opcode.BINARY)
