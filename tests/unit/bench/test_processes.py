"""Servers and the load generator as child processes."""

import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no type information
import pytest

from tests.bench.load import Load
from tests.bench.processes import LoadGenerator, Server
from tests.support.kafka_broker import free_port

# Accepts a CONNECT and a window of 1, says nothing else.
SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    sock, _ = listener.accept()
    if not sock.recv(1000):
        continue
    sock.sendall(bytes((0x20, 2, 0, 0)))
    while len(data := sock.recv(1000)) > 2:
        sock.sendall(bytes((0x40, 2)) + data[14:16])
"""


def server(tmp_path: Path, program: str = SERVER) -> tuple[Server, int]:
    port = free_port()
    return Server((sys.executable, "-c", program, str(port)), {}, port, tmp_path / "log"), port


def test_a_server_is_measured_under_load_and_ended(tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    started, port = server(tmp_path)
    with started:
        [child] = set(psutil.Process().children()) - others
        before = started.cpu_seconds()
        with LoadGenerator(Load(port=port, connections=1, window=1, topic="telemetry")) as load:
            measured = load.run(10.0, 10_000)
            assert load.cpu_seconds() > 0
        assert (measured.messages, measured.disordered) == (10_000, 0)
        assert measured.p99 is not None
        assert started.cpu_seconds() > before
        assert started.rss_kib() > 1000
    assert not child.is_running()


def test_a_server_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    others = psutil.Process().children()
    started, _ = server(tmp_path, "raise SystemExit('no such option')")
    with pytest.raises(RuntimeError, match="no such option"), started:
        pass
    assert psutil.Process().children() == others
