"""The processes of a run: a server that is measured, and the load generator that is told what to do."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil  # type: ignore[import-untyped] # ships no type information

from tests.bench.load import Load, Measured
from tests.support.kafka_dist import ROOT

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOG_TAIL = 2000  # bytes of a server's log that an error shows


class Server:
    """A server as a child process, started when entered and ended when left."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], port: int, log: Path) -> None:
        self._command = command
        self._environ = environ
        self._port = port
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command, env={**os.environ, **self._environ}, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        self._process = psutil.Process(self._child.pid)
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"The server's log ends with:\n{self._log_tail()}")
        self._stop()

    def cpu_seconds(self) -> float:
        """User and system time that it and its children have used."""
        total = 0.0
        for process in (self._process, *self._process.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
        return total

    def rss_kib(self) -> float:
        """Its resident memory."""
        rss: int = self._process.memory_info().rss
        return rss / 1024

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._child.poll() is not None:
                raise RuntimeError(f"{self._command} ended with {self._child.returncode}:\n{self._log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._command} does not listen:\n{self._log_tail()}") from None
                time.sleep(0.05)
            else:
                return

    def _log_tail(self) -> str:
        return self._log.read_bytes()[-LOG_TAIL:].decode(errors="replace")

    def _stop(self) -> None:
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class LoadGenerator:
    """The process of `load.py`; entered when all devices are connected."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load", json.dumps(asdict(self._load))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process = psutil.Process(self._child.pid)
        try:
            self._answer()
        except BaseException:
            self._child.kill()
            self._child.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._child.communicate("quit\n", timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def run(self, seconds: float, messages: int) -> Measured:
        """Publish for so long or so many, whichever ends first."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"run {seconds} {messages}\n")
        self._child.stdin.flush()
        return Measured(**self._answer())

    def cpu_seconds(self) -> float:
        """User and system time that it has used."""
        times = self._process.cpu_times()
        total: float = times.user + times.system
        return total

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the load generator failed; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer
