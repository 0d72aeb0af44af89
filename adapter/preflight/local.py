"""This machine: the ports to listen on, and how many files a process may have open."""

from __future__ import annotations

import os
import resource
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.preflight.finding import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adapter.preflight.finding import Finding

EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - nothing listens on them here
MAX_CONNECTIONS = "ADAPTER_MQTT__MAX_CONNECTIONS"


@dataclass(frozen=True, slots=True)
class Listener:
    """`port` is None when it is off, and 0 when the system may choose."""

    variable: str
    host: str
    port: int | None


def check_ports(listeners: Sequence[Listener]) -> Iterator[Finding]:
    """Whether each could listen, all of them together; `host` may be several with commas between."""
    for number, listener in enumerate(listeners):
        rival = next((other for other in listeners[:number] if _collide(listener, other)), None)
        if rival is None:
            yield _check_port(listener.variable, listener.host, listener.port)
        else:
            text = f"{listener.port} is that of {rival.variable} as well"
            yield failed("port", listener.variable, text, f"set {listener.variable} to another port")


def _collide(one: Listener, other: Listener) -> bool:
    if not one.port or one.port != other.port:
        return False
    mine, others = set(one.host.split(",")), set(other.host.split(","))
    return bool(mine & others or (mine | others) & EVERY_ADDRESS)


def _check_port(variable: str, host: str, port: int | None) -> Finding:
    """Whether the address could be listened on. It is not: a listener would take connections, for a moment."""
    if port is None:
        return ok("port", variable, "empty: off")
    address = f"{host}:{port}"
    try:
        for one in host.split(","):
            _bind(one, port)
    except OSError as error:
        fix = f"end what listens there (the adapter itself, if it runs), or set {variable} to another port"
        return failed("port", variable, f"{address} cannot be used ({os.strerror(error.errno or 0)})", fix)
    return ok("port", variable, f"{address} is free")


def _bind(host: str, port: int) -> None:
    with ExitStack() as opened:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            probe = opened.enter_context(socket.socket(family, kind, protocol))
            # As asyncio's servers do: a port whose last connections are not quite over may be used.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)


def check_open_files(connections: int, others: int, hard_limit: int) -> Iterator[Finding]:
    """The service raises its own limit as far as the hard limit lets it."""
    needed = connections + others
    if hard_limit == resource.RLIM_INFINITY or hard_limit >= needed:
        allowed = "any number" if hard_limit == resource.RLIM_INFINITY else str(hard_limit)
        yield ok("open files", MAX_CONNECTIONS, f"{connections} connections need {needed} files, {allowed} allowed")
    else:
        text = f"{connections} connections need {needed} open files, and {hard_limit} are allowed"
        fix = f"raise the hard limit (`ulimit -Hn {needed}`), or lower it to {max(hard_limit - others, 1)}"
        yield warning("open files", MAX_CONNECTIONS, text, fix)


def hard_limit_of_open_files() -> int:
    """Of this process, as children of the same parent have it."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
