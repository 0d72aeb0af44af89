"""MQTT over WebSocket (section 6 of both specifications, RFC 6455); the `websockets` library does the protocol.

MQTT is a stream: frames need not be aligned with packets [MQTT-6.0.0-2], so payload is passed on as it arrives, and
frames need no size limit. Compression is not offered: a compressed frame can expand a thousandfold.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from websockets.exceptions import WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from adapter.errors import ProtocolError
from adapter.mqtt.frame_cutter import LARGEST_FRAME, FrameCutter
from adapter.mqtt.layers import forget, unopened
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapter.mqtt.layers import Base, Bytes

SUBPROTOCOL = Subprotocol("mqtt")  # [MQTT-6.0.0-3, -4]
END_OF_HEADERS = b"\r\n\r\n"
# Of the whole upgrade request; browsers with many cookies send 8 KiB.
LARGEST_REQUEST = 16_384
# Pings, pongs and empty frames in one read: nobody has so many to send, not even after a long pause.
MOST_IDLE_FRAMES = 250

# The library would log a line per connection, which may contain what a device sent.
_SILENT = logging.getLogger("adapter.websocket")
_SILENT.disabled = True
_DATA = (Opcode.BINARY, Opcode.CONT)


@dataclass(frozen=True, slots=True)
class WebSocketConfig:
    """`origins`: those of pages that may connect; None: all. Programs that send no Origin always may."""

    path: str = "/mqtt"
    origins: tuple[str, ...] | None = None

    @property
    def accepted_origins(self) -> Sequence[Origin | None] | None:
        """In the library's form: None stands for programs that send no Origin."""
        return None if self.origins is None else [None, *map(Origin, self.origins)]


class WebSocketLayer:
    """The server side of WebSocket."""

    __slots__ = ("_base", "_below", "_config", "_cutter", "_protocol", "_request", "above")

    def __init__(self, config: WebSocketConfig, base: Base, below: Bytes) -> None:
        self._config = config
        self._base = base
        self._below = below
        self._request: bytearray | None = bytearray()  # until it is complete
        self._cutter = FrameCutter()
        self._protocol = ServerProtocol(
            origins=config.accepted_origins,
            extensions=None,
            subprotocols=[SUBPROTOCOL],
            max_size=LARGEST_FRAME,
            logger=_SILENT,
        )
        self.above: Bytes = unopened

    def receive(self, data: bytes) -> None:
        """Process frames, and the upgrade request before them. Raises ProtocolError."""
        if self._request is not None:
            rest = self._upgrade(self._request, data)
            if not rest:
                return
            data = rest
        protocol = self._protocol
        try:
            protocol.receive_data(self._cutter.cut(data))
        except ProtocolError as error:
            self._fail(CloseCode.PROTOCOL_ERROR, error.text)
        frames = protocol.events_received()
        self._base.unframed(len(data), len(frames))
        self._flush()  # pongs, and the answer to a Close, before a packet in these frames ends the connection
        self._pass_on(frames)
        if protocol.state is not OPEN:
            if protocol.parser_exc is not None:
                raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"WebSocket: {protocol.parser_exc}")
            self._base.ended()

    def _pass_on(self, frames: list[Event]) -> None:
        payloads: list[bytes | bytearray | memoryview] = []
        text = False
        for frame in frames:
            assert isinstance(frame, Frame), "the request was read"
            text = frame.opcode is Opcode.TEXT
            if text:
                break
            if frame.opcode in _DATA and frame.data:
                payloads.append(frame.data)
        if payloads:
            self.above(b"".join(payloads))  # together: the messages of many frames may share a run
        if text:
            self._fail(CloseCode.UNSUPPORTED_DATA, "a text frame [MQTT-6.0.0-1]")
        if len(frames) - len(payloads) > MOST_IDLE_FRAMES:
            self._fail(CloseCode.POLICY_VIOLATION, "frames that bring nothing")

    def _fail(self, code: CloseCode, why: str) -> NoReturn:
        if self._protocol.state is OPEN:
            self._protocol.fail(code, why)
        self._flush()
        raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"WebSocket: {why}")

    def _upgrade(self, request: bytearray, data: bytes) -> bytes:
        """Collect the request, and answer it once it is complete; returns the bytes behind it."""
        begin = max(0, len(request) - len(END_OF_HEADERS) + 1)
        request += data
        end = request.find(END_OF_HEADERS, begin)
        if (end if end >= 0 else len(request)) > LARGEST_REQUEST:
            raise ProtocolError(ReasonCode.PACKET_TOO_LARGE, "WebSocket: the upgrade request is too large")
        if end < 0:
            return b""
        end += len(END_OF_HEADERS)
        head, rest = bytes(request[:end]), bytes(request[end:])
        self._request = None
        protocol = self._protocol
        protocol.receive_data(head)
        events = protocol.events_received()
        if not events:
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "WebSocket: not an HTTP request")
        [asked] = events
        assert isinstance(asked, Request), "nothing but the request was fed"
        try:
            if asked.path.partition("?")[0] != self._config.path:
                response = protocol.reject(404, "Not found: MQTT is served at another path.\n")
            else:
                response = protocol.accept(asked)
            protocol.send_response(response)
        except UnicodeError:  # the library's refusal would quote the header that is not ASCII
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "WebSocket: a header that is not ASCII") from None
        self._flush()
        if protocol.state is not OPEN:
            why = protocol.handshake_exc or f"no such path, answered {response.status_code}"
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, f"WebSocket: {why}")
        self._base.opened(self)
        return rest

    def write(self, data: bytes) -> None:
        """Send one binary frame [MQTT-6.0.0-1]."""
        protocol = self._protocol
        if protocol.state is OPEN:  # else the device has sent a Close frame, and accepts nothing more
            protocol.send_binary(data)
            self._flush()

    def send_close(self) -> None:
        """Send a Close frame."""
        protocol = self._protocol
        if protocol.state is OPEN:
            try:
                protocol.send_close(CloseCode.NORMAL_CLOSURE)
            except WebSocketException:
                return
            self._flush()

    def let_go(self) -> None:
        """See `Layer`; the library's generator and errors hold the protocol that holds them."""
        self.above = forget
        protocol = self._protocol
        protocol.parser.close()
        protocol.parser_exc = protocol.handshake_exc = None

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            self._below(data)
