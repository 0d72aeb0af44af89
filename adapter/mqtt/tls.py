"""TLS through OpenSSL's memory BIOs, so that reading, pausing and closing stay with the plain socket.

asyncio's own TLS transport is not used: it reads up to 256 KiB ahead of a paused session, cannot half-close, and takes
no bytes that were read before it was created (a PROXY header comes first).
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from adapter.errors import ProtocolError
from adapter.mqtt.layers import forget, unopened
from adapter.mqtt.turns import HANDSHAKE, RECORD
from adapter.peer import Certificate, Peer
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapter.mqtt.layers import Base, Bytes

_ALTERNATIVE_NAMES = {"DNS": "dns", "URI": "uri", "email": "email", "IP Address": "ip"}
_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
    "serialNumber": "serialNumber",
    "userId": "UID",
}

# OpenSSL allocates what the first message claims to be, up to 128 KiB, before it has come. The largest that clients
# send, with post-quantum keys, has 2 KiB.
LARGEST_HELLO = 16_384
_HEAD = 9  # bytes: of the record (type, version, length), and of the message (type, length)
_MESSAGE = 5  # where the message begins
_HANDSHAKE, _CLIENT_HELLO = 22, 1


class TlsLayer:
    """The server side of TLS. `context` is called once per connection: a renewed one applies to later connections."""

    __slots__ = ("_base", "_below", "_head", "_incoming", "_open", "_outgoing", "_tls", "above")

    def __init__(self, context: Callable[[], ssl.SSLContext], base: Base, below: Bytes) -> None:
        self._base = base
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context().wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._open = False
        self._head: bytes | None = b""  # of the first record, until it is checked
        self.above: Bytes = unopened

    def receive(self, data: bytes) -> None:
        """Process records, and the handshake before them. Raises ProtocolError."""
        if self._head is not None:
            self._check_head(self._head + data)
        self._incoming.write(data)
        if not self._open and not self._shake_hands():
            return
        tls = self._tls
        while True:
            try:
                plain = tls.read(self._base.read_size)
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                plain = b""
            except ssl.SSLError as error:
                self._flush()
                raise _broken(error) from None
            if not plain:  # the peer's close_notify
                self._flush()
                self._base.ended()
                return
            self.above(plain)
            if (tls.pending() or self._incoming.pending) and self._base.yields(RECORD):
                return
        self._flush()  # TLS's own answers, such as to a key update

    def _check_head(self, data: bytes) -> None:
        self._head = data[:_HEAD]
        if len(self._head) < _HEAD:
            return
        head, self._head = self._head, None
        size = int.from_bytes(head[3:_MESSAGE], "big")
        if head[0] == _HANDSHAKE and (
            size < _HEAD - _MESSAGE
            or (head[_MESSAGE] == _CLIENT_HELLO and int.from_bytes(head[_MESSAGE + 1 :], "big") > LARGEST_HELLO)
        ):
            raise ProtocolError(ReasonCode.PROTOCOL_ERROR, "TLS: not the ClientHello of any client")

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            if self._outgoing.pending:
                self._base.spent(HANDSHAKE)
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()  # the alert
            raise _broken(error) from None
        self._flush()
        self._open = True
        base = self._base
        base.peer = Peer(base.peer.address, _certificate(self._tls))
        base.opened(self)
        return True

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        try:
            self._tls.write(data)
        except ssl.SSLError:
            return  # the peer has broken it; `receive` reports that
        self._below(self._outgoing.read())

    def send_close(self) -> None:
        """Send close_notify, which tells the peer that nothing was truncated."""
        if self._open:
            with suppress(ssl.SSLError):  # unwrap would wait for the peer's close_notify; the connection does that
                self._tls.unwrap()
            self._flush()

    def let_go(self) -> None:
        """See `Layer`."""
        self.above = forget

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below(self._outgoing.read())


def _broken(error: ssl.SSLError) -> ProtocolError:
    # OpenSSL's reason without its decoration: "[SSL: NO_SHARED_CIPHER] no shared cipher (_ssl.c:992)"
    verification = getattr(error, "verify_message", None)
    text = f"client certificate: {verification}" if verification else (error.reason or "").replace("_", " ").lower()
    return ProtocolError(ReasonCode.PROTOCOL_ERROR, f"TLS: {text or 'ended'}")


def _certificate(tls: ssl.SSLObject) -> Certificate | None:
    """The client's certificate, as verified by OpenSSL."""
    der = tls.getpeercert(binary_form=True)
    shown: dict[str, Any] | None = tls.getpeercert()
    if not der or not shown:
        return None
    names = [(_SHORT.get(kind, kind), value) for part in shown.get("subject", ()) for kind, value in part]
    alternatives = shown.get("subjectAltName", ())
    names += [(_ALTERNATIVE_NAMES[kind], value) for kind, value in alternatives if kind in _ALTERNATIVE_NAMES]
    return Certificate(tuple(names), der)
