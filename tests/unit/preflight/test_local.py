"""`adapter.preflight.local`: ports and open files of this machine."""

from __future__ import annotations

import resource
import socket

import pytest

from adapter.preflight.finding import Verdict
from adapter.preflight.local import check_open_files, check_port
from tests.support.kafka_broker import free_port


def test_a_free_port_is_good_and_stays_free() -> None:
    port = free_port()
    for _ in range(2):
        assert check_port("X", "127.0.0.1", port).verdict is Verdict.OK


def test_a_port_in_use_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        finding = check_port("X", "127.0.0.1", port)
    assert finding.verdict is Verdict.FAILED
    assert finding.text == f"127.0.0.1:{port} cannot be used (Address already in use)"


def test_an_address_of_another_machine_fails() -> None:
    assert check_port("X", "192.0.2.1", free_port()).verdict is Verdict.FAILED


def test_a_listener_that_is_off_is_good() -> None:
    assert check_port("X", "127.0.0.1", None).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("hard", "verdict"),
    [(1200, Verdict.OK), (resource.RLIM_INFINITY, Verdict.OK), (1199, Verdict.WARNING)],
)
def test_the_hard_limit_of_open_files_leaves_room_for_every_connection(hard: int, verdict: Verdict) -> None:
    [finding] = check_open_files(1000, 200, hard)
    assert finding.verdict is verdict
