"""Who is at the other end of a connection: its address, and the certificate that it showed, if it did.

Imports only the standard library. One `Peer` is made for a connection when its address is known, which behind a proxy
is after the PROXY header; logs, limits and plugins use that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client's certificate that TLS has verified. `names` are those of its subject and its alternative names.

    A key of `names` is that of OpenSSL's short form for the subject (`CN`, `O`, `OU` …), and `dns`, `uri`, `email` or
    `ip` for the alternative names; `der` is the certificate itself.
    """

    names: tuple[tuple[str, str], ...]
    der: bytes


@dataclass(frozen=True, slots=True)
class Peer:
    """`address` is an IP address, or `local` for a Unix socket; `certificate` is None where none was shown."""

    address: str
    certificate: Certificate | None = None

    @property
    def network(self) -> str:
        """What is one address to limits and queues."""
        return network_of(self.address)


def network_of(address: str) -> str:
    """The address; of IPv6 the /64, for that is what a peer has. IPv4 in IPv6 is IPv4."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped is not None else ip.packed[:8].hex()
    return address
