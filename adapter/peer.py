"""Who is at the other end of a connection: its address, and the certificate that it showed, if it did.

Imports only the standard library. One `Peer` is made for a connection when its address is known, which behind a proxy
is after the PROXY header; logs, limits and plugins use that one.
"""

from __future__ import annotations

from dataclasses import dataclass


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
