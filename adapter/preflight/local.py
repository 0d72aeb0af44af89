"""Checks this machine: the ports and the Unix socket to listen on, and how many files a process may open."""

from __future__ import annotations

import errno
import os
import resource
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.preflight.finding import failed, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adapter.preflight.finding import Finding

EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - nothing listens on them here
LONGEST_SOCKET_PATH = 107  # bytes: `sun_path` of Linux without its final NUL, unix(7)
MAX_CONNECTIONS = "ADAPTER_MQTT__MAX_CONNECTIONS"


@dataclass(frozen=True, slots=True)
class Listener:
    """`port` is None if the listener is off, and 0 if the system may choose one."""

    variable: str
    host: str
    port: int | None


def check_ports(listeners: Sequence[Listener], *, running: bool = False) -> Iterator[Finding]:
    """Check whether all listeners could listen at once; `host` may be several addresses separated by commas.

    If the adapter is `running`, its ports are in use.
    """
    for number, listener in enumerate(listeners):
        rival = next((other for other in listeners[:number] if _collide(listener, other)), None)
        if rival is None:
            yield _check_port(listener.variable, listener.host, listener.port, running=running)
        else:
            text = f"{listener.port} is also the port of {rival.variable}"
            yield failed("port", listener.variable, text, f"set {listener.variable} to another port")


def _collide(one: Listener, other: Listener) -> bool:
    if not one.port or one.port != other.port:
        return False
    mine, others = set(one.host.split(",")), set(other.host.split(","))
    return bool(mine & others or (mine | others) & EVERY_ADDRESS)


def _check_port(variable: str, host: str, port: int | None, *, running: bool) -> Finding:
    """Check whether the port could be listened on, but only bind it: a listener would accept connections meanwhile."""
    if port is None:
        return ok("port", variable, "empty: off")
    address = f"{host}:{port}"
    try:
        for one in host.split(","):
            _bind(one, port)
    except OSError as error:
        if running and error.errno == errno.EADDRINUSE:
            return ok("port", variable, f"{address} is in use")
        fix = f"stop what listens there (if it is the adapter, use --running), or set {variable} to another port"
        return failed("port", variable, f"{address} cannot be used ({os.strerror(error.errno or 0)})", fix)
    if running and port:
        text = f"{address} is free, so no adapter with these settings is running"
        return warning("port", variable, text, "start it, or leave out --running")
    return ok("port", variable, f"{address} is free")


def _bind(host: str, port: int) -> None:
    with ExitStack() as opened:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            probe = opened.enter_context(socket.socket(family, kind, protocol))
            # As asyncio's servers do: a port may be used while old connections are still in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)


def check_unix_socket(variable: str, path: str) -> Finding:
    """Check whether a Unix socket can be made there. One that is there is replaced, whoever listens on it."""
    fix = f"set {variable} to a path in a directory that this user may write to"
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        return failed("socket", variable, f"{path} is longer than {LONGEST_SOCKET_PATH} bytes", "choose a shorter path")
    folder = Path(path).absolute().parent
    # `is_dir` raises PermissionError if the directory is in one that this user may not search.
    if not os.access(folder, os.F_OK) or not folder.is_dir():
        return failed("socket", variable, f"this user finds no directory {folder}", fix)
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed("socket", variable, f"this user may make no file in {folder}", fix)
    # A symbolic link to nothing does not exist, but is in the way.
    there = Path(path).exists() or Path(path).is_symlink()
    if there and not Path(path).is_socket():
        return failed("socket", variable, f"{path} is there, and is no socket", "remove it, or choose another path")
    return ok("socket", variable, f"{path} can be listened on")


def check_open_files(connections: int, others: int, hard_limit: int) -> Iterator[Finding]:
    """Compare with the hard limit only, because the service raises its own soft limit up to it."""
    needed = connections + others
    if hard_limit == resource.RLIM_INFINITY or hard_limit >= needed:
        allowed = "any number" if hard_limit == resource.RLIM_INFINITY else str(hard_limit)
        yield ok("open files", MAX_CONNECTIONS, f"{connections} connections need {needed} files, {allowed} allowed")
    else:
        text = f"{connections} connections need {needed} open files, and {hard_limit} are allowed"
        fix = f"raise the hard limit (`ulimit -Hn {needed}`), or lower it to {max(hard_limit - others, 1)}"
        yield warning("open files", MAX_CONNECTIONS, text, fix)


def hard_limit_of_open_files() -> int:
    """Return this process's limit; the service inherits the same one from the same parent."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]
