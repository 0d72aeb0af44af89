"""The PROXY protocol, versions 1 and 2: a load balancer begins a connection with the address of its client.

Specified in https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, here for stream sockets. The listener decides
who may send it, because whoever may can claim any address.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from adapter.errors import ProtocolError
from adapter.mqtt.layers import forget, unopened
from adapter.peer import Peer
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from adapter.mqtt.layers import Base, Bytes

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = len(SIGNATURE) + 4  # and the bytes of version and command, family, and length
_VERSION_2 = 0x20
_LOCAL = 0x20  # version 2, command LOCAL: a connection of the proxy itself, such as a health check
_PROXY = 0x21
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESS_BYTES = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}
_TLV_HEAD = 3  # type, and length in two bytes
# Addresses take at most 216 bytes; the rest is for what proxies add (names, TLS, a unique identifier).
LARGEST = 4096

_LINE = b"PROXY "
_LONGEST_LINE = 107  # with its CRLF
_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_PORT = rb"(?:0|[1-9]\d{0,4})"
_TCP = re.compile(rb"PROXY TCP([46]) ([\d.A-Fa-f:]+) ([\d.A-Fa-f:]+) (%b) (%b)\r\n" % (_PORT, _PORT))
_LARGEST_PORT = 65_535


def read_header(data: bytes) -> tuple[str | None, int] | None:
    """Decode the header at the beginning of `data`; returns the client's address and the header's size in bytes.

    The address is None if the header has none: then the connection is the proxy's own. The result is None while the
    header is incomplete. Raises ProtocolError if it cannot become a header.
    """
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return _read_binary(data)
    if data[: len(_LINE)] == _LINE[: len(data)]:
        return _read_line(data)
    raise _wrong("no header")


def _read_line(data: bytes) -> tuple[str | None, int] | None:
    size = data.find(b"\n", 0, _LONGEST_LINE) + 1
    if not size:
        if len(data) >= _LONGEST_LINE:
            raise _wrong("a line without an end")
        return None
    line = data[:size]
    if _UNKNOWN.fullmatch(line):
        return None, size
    match = _TCP.fullmatch(line)
    if match is None:
        raise _wrong("not a line of version 1")
    family = IPv4Address if match[1] == b"4" else IPv6Address
    try:
        source, _ = (family(match[place].decode()) for place in (2, 3))
    except AddressValueError:
        raise _wrong("not an address") from None
    if max(int(match[4]), int(match[5])) > _LARGEST_PORT:
        raise _wrong("not a port")
    return str(source), size


def _read_binary(data: bytes) -> tuple[str | None, int] | None:
    if len(data) < _FIXED:
        return None
    command, family = data[12], data[13]
    if command not in {_LOCAL, _PROXY}:
        raise _wrong("not version 2, or an unknown command")
    size = _FIXED + int.from_bytes(data[14:_FIXED], "big")
    if size > LARGEST:
        raise _wrong("larger than this server takes")
    if command == _PROXY and family not in _ADDRESS_BYTES:
        raise _wrong("not of a stream socket")
    if len(data) < size:
        return None
    if command == _LOCAL:  # "the receiver must … discard the protocol block including the family"
        return None, size
    addresses = _FIXED + _ADDRESS_BYTES[family]
    if addresses > size:
        raise _wrong("too short for its addresses")
    _check_additions(data[addresses:size])
    if family == _TCP4:
        return str(IPv4Address(data[_FIXED : _FIXED + 4])), size
    if family == _TCP6:
        return str(IPv6Address(data[_FIXED : _FIXED + 16])), size
    return None, size


def _check_additions(data: bytes) -> None:
    """Check that the type-length-values fill the rest exactly; none of them is used."""
    place = 0
    while place < len(data):
        place += _TLV_HEAD + int.from_bytes(data[place + 1 : place + _TLV_HEAD], "big")
    if place != len(data):
        raise _wrong("additions of the wrong length")


def _wrong(text: str) -> ProtocolError:
    return ProtocolError(ReasonCode.PROTOCOL_ERROR, f"PROXY protocol: {text}")


class ProxyHeader:
    """The layer that is removed once the header is read."""

    __slots__ = ("_base", "_head", "above", "write")

    def __init__(self, base: Base, below: Bytes) -> None:
        self._base = base
        self._head = b""
        self.write = below
        self.above: Bytes = unopened

    def receive(self, data: bytes) -> None:
        """Process the header, and pass on what follows it. Raises ProtocolError."""
        self._head += data
        header = read_header(self._head)
        if header is None:
            return
        address, size = header
        if address is not None:
            self._base.peer = Peer(address)
        self._base.opened(self)
        if len(self._head) > size:
            self.above(self._head[size:])

    def send_close(self) -> None:
        """Nothing: the protocol has no closing message."""

    def let_go(self) -> None:
        """See `Layer`."""
        self.above = forget
