"""`adapter.preflight.local`: ports and open files of this machine."""

from __future__ import annotations

import os
import resource
import socket
from typing import TYPE_CHECKING

import pytest

from adapter.preflight.finding import Finding, Verdict
from adapter.preflight.local import Listener, check_open_files, check_ports, check_unix_socket
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from pathlib import Path


def port_of(host: str, port: int | None) -> Finding:
    [finding] = check_ports([Listener("X", host, port)])
    return finding


def test_a_free_port_is_good_and_stays_free() -> None:
    port = free_port()
    for _ in range(2):
        assert port_of("127.0.0.1", port).verdict is Verdict.OK


def test_a_port_in_use_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        finding = port_of("127.0.0.1", port)
    assert finding.verdict is Verdict.FAILED
    assert finding.text == f"127.0.0.1:{port} cannot be used (Address already in use)"


def test_the_ports_of_a_running_adapter_are_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener("X", "127.0.0.1", server.getsockname()[1])
        [used] = check_ports([listener], running=True)
    [free] = check_ports([listener], running=True)
    assert (used.verdict, free.verdict) == (Verdict.OK, Verdict.WARNING)
    for other in (Listener("X", "127.0.0.1", 0), Listener("X", "127.0.0.1", None)):
        assert [one.verdict for one in check_ports([other], running=True)] == [Verdict.OK]


def test_an_address_of_another_machine_fails() -> None:
    assert port_of("192.0.2.1", free_port()).verdict is Verdict.FAILED


def test_a_listener_that_is_off_is_good() -> None:
    assert port_of("127.0.0.1", None).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("hosts", "verdict"),
    [
        (("127.0.0.1", "127.0.0.1"), Verdict.FAILED),
        (("0.0.0.0", "127.0.0.1"), Verdict.FAILED),  # noqa: S104 - what operators write
        (("127.0.0.1", "127.0.0.2"), Verdict.OK),
    ],
)
def test_two_listeners_need_two_ports(hosts: tuple[str, str], verdict: Verdict) -> None:
    port = free_port()
    _, second = check_ports([Listener("X", hosts[0], port), Listener("Y", hosts[1], port)])
    assert (second.subject, second.verdict) == ("Y", verdict)


def test_two_listeners_for_which_the_system_chooses_are_good() -> None:
    found = check_ports([Listener("X", "127.0.0.1", 0), Listener("Y", "127.0.0.1", 0)])
    assert [finding.verdict for finding in found] == [Verdict.OK, Verdict.OK]


@pytest.mark.parametrize(
    ("hard", "verdict"),
    [(1200, Verdict.OK), (resource.RLIM_INFINITY, Verdict.OK), (1199, Verdict.WARNING)],
)
def test_the_hard_limit_of_open_files_leaves_room_for_every_connection(hard: int, verdict: Verdict) -> None:
    [finding] = check_open_files(1000, 200, hard)
    assert finding.verdict is verdict


def test_a_unix_socket_needs_a_directory_that_it_can_be_made_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_unix_socket("X", str(tmp_path / "mqtt.sock")).verdict is Verdict.OK
    missing = check_unix_socket("X", str(tmp_path / "no" / "mqtt.sock"))
    assert (missing.verdict, missing.text) == (Verdict.FAILED, f"this user finds no directory {tmp_path}/no")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may always write
    assert check_unix_socket("X", str(tmp_path / "mqtt.sock")).verdict is Verdict.FAILED


def test_a_unix_socket_that_is_there_is_replaced_and_any_other_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "mqtt.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert check_unix_socket("X", str(path)).verdict is Verdict.OK
    other = tmp_path / "file"
    other.touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nothing")
    for path in (other, link, tmp_path):
        assert check_unix_socket("X", str(path)).verdict is Verdict.FAILED
    with socket.socket(socket.AF_UNIX) as server, pytest.raises(OSError, match="in use"):
        server.bind(str(link))


def test_a_directory_that_cannot_be_searched_for_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(os, "access", lambda *_: False)  # root may search everywhere
    monkeypatch.setattr(type(tmp_path), "is_dir", forbidden)
    assert check_unix_socket("X", str(tmp_path / "mqtt.sock")).verdict is Verdict.FAILED


@pytest.mark.parametrize("length", [120, 300])  # 255 is the limit of a file's name
def test_the_path_of_a_unix_socket_may_not_be_too_long(tmp_path: Path, length: int) -> None:
    path = str(tmp_path / ("x" * length))
    finding = check_unix_socket("X", path)
    assert (finding.verdict, finding.text) == (Verdict.FAILED, f"{path} is longer than 107 bytes")
    with socket.socket(socket.AF_UNIX) as server, pytest.raises(OSError, match="too long"):
        server.bind(path)
