"""`python -m adapter …` as a person starts it: a child process with the settings that are given, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from tests.support.kafka_dist import ROOT

if TYPE_CHECKING:
    from types import TracebackType

SECONDS = 60.0


def environment(**variables: str) -> dict[str, str]:
    """The environment of a child, with these `ADAPTER_` variables (without that prefix)."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}
    return environ | {f"ADAPTER_{name}": value for name, value in variables.items()}


def command(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a sub-command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "adapter", *arguments],
        cwd=ROOT,
        env=environment(**variables),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


class Running:
    """A sub-command that goes on until it is told to end."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self._folder = TemporaryDirectory()
        self._out = Path(self._folder.name) / "out"
        self._err = Path(self._folder.name) / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "adapter", *arguments],
                cwd=ROOT,
                env=environment(**variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        """What it has logged so far."""
        return self._err.read_text()

    def wait_for(self, text: str) -> None:
        """Return when it has printed this."""
        deadline = time.monotonic() + SECONDS
        while text not in self.stdout:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.stdout}{self.stderr}"
            assert time.monotonic() < deadline, f"{text!r} is not in:\n{self.stdout}{self.stderr}"
            time.sleep(0.02)

    def catches(self, number: int) -> bool:
        """Whether it has a handler for this signal."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    def end(self, number: int) -> int:
        """Send a signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if error is not None:
            sys.stderr.write(self.stdout + self.stderr)
        self._folder.cleanup()
