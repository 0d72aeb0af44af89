"""`adapter.telemetry.open_files`: who is out of file descriptors is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from adapter.telemetry.open_files import OpenFiles
from tests.support.fakes import FakeLog, VirtualTime


def test_an_exhausted_limit_is_counted_and_logged_until_files_are_closed() -> None:
    time, log = VirtualTime(), FakeLog()
    fault: list[OSError] = []

    def open_one() -> None:
        if fault:
            raise fault[0]

    files = OpenFiles(open_one)
    files.start(time, log)
    time.advance(5.0)
    assert (files.exhausted, log.events) == (0, [])
    fault.append(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    time.advance(3.0)
    assert files.exhausted == 3
    assert len(log.events) == 3
    fault[0] = OSError(errno.ENOENT, "no such device")
    time.advance(3.0)
    assert files.exhausted == 3
    files.stop()
    assert time.waiting == 0


def open_now() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_file_is_opened_and_closed() -> None:
    time = VirtualTime()
    files = OpenFiles()
    before = open_now()
    files.start(time, FakeLog())
    time.advance(10.0)
    assert open_now() == before
    assert files.exhausted == 0
