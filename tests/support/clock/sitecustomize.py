"""A wall clock that a test can set: Python imports this at its start when the folder is on PYTHONPATH.

The file that WALL_CLOCK_OFFSET names holds how far the clock is off, in nanoseconds (8 bytes, the machine's order). The
monotonic clocks are left alone, as they are when an operator or NTP sets a machine's clock.
"""

import mmap
import os
import struct
import time

NANO = 10**9

_path = os.environ.get("WALL_CLOCK_OFFSET")
if _path:
    with open(_path, "rb") as _file:  # noqa: PTH123 - pathlib would be loaded into every start of Python
        _offset = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _true = time.time_ns
    _read = struct.Struct("q").unpack_from

    def _time_ns() -> int:
        return _true() + int(_read(_offset)[0])

    def _time() -> float:
        return _time_ns() / NANO

    time.time_ns = _time_ns
    time.time = _time
