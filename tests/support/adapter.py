"""The adapter as operators run it: a child process, configured by environment variables, watched over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.support.kafka_broker import free_port
from tests.support.kafka_dist import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

READY_SECONDS = 30.0
STOP_SECONDS = 60.0


class Adapter:
    """`python -m adapter run` with these variables (without their prefix `ADAPTER_`) besides ports and Kafka's address.

    Devices are let in without credentials unless the variables say otherwise.
    """

    def __init__(self, bootstrap: str, **variables: str) -> None:
        self.port = free_port()
        self.http_port = free_port()
        self._variables = {
            "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "AUTH__REQUIRED": "false",
            "MQTT__HOST": "127.0.0.1",
            "MQTT__PORT": str(self.port),
            "HTTP__HOST": "127.0.0.1",
            "HTTP__PORT": str(self.http_port),
            **variables,
        }
        self.environ: dict[str, str] = {}  # variables besides those of the adapter
        self.prefix: list[str] = []  # a command that executes what follows it
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> Self:
        """Start; and wait until it is ready for devices."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")}
        environ |= self.environ
        environ |= {f"ADAPTER_{name}": value for name, value in self._variables.items()}
        self._process = subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "adapter", "run"],
            cwd=ROOT,
            env=environ,
            stdout=self._log,
            stderr=self._log,
        )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, *, ready: bool = True, timeout: float = READY_SECONDS) -> None:
        """Return when /readyz says so (or says no)."""
        deadline = time.monotonic() + timeout
        while self.readiness()[0] != ready:
            assert self.process.poll() is None, f"the adapter ended with {self.process.returncode}:\n{self.output()}"
            assert time.monotonic() < deadline, f"ready is not {ready}: {self.readiness()}\n{self.output()}"
            time.sleep(0.02)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def output(self) -> str:
        """What it has written so far."""
        self._log.seek(0)
        return self._log.read().decode()

    def log_lines(self) -> list[dict[str, object]]:
        """Its log, in JSON."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def readiness(self) -> tuple[bool, list[str]]:
        """Whether it is ready, and why not."""
        try:
            _, body = self.get("/readyz")
        except OSError as error:
            return False, [str(error)]
        answer = json.loads(body)
        return answer["ready"], answer["reasons"]

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every sample by name and labels."""
        _, body = self.get("/metrics")
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples with that name and (at least) these labels."""
        wanted = set(labels.items())
        values = [
            value
            for (sample, sample_labels), value in self.metrics().items()
            if sample == name and wanted <= set(sample_labels)
        ]
        assert values, f"no such metric: {name} {labels}"
        return sum(values)

    def assert_balanced(self) -> None:
        """The ledger balances for each QoS, by the adapter's own figure and by sums of the series."""
        metrics = self.metrics()

        def total(name: str, qos: str) -> float:
            return sum(
                value for (sample, labels), value in metrics.items() if sample == name and ("qos", qos) in labels
            )

        for qos in ("0", "1", "2"):
            accounted = sum(
                total(f"adapter_messages_{column}", qos)
                for column in ("acknowledged_total", "refused_total", "dropped_total", "unknown_total", "pending")
            )
            assert total("adapter_messages_received_total", qos) == accounted
            assert total("adapter_ledger_difference", qos) == 0

    # -- the end -------------------------------------------------------------------------------------------------------

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            sys.stderr.write(self.output())
        self.close()

    def close(self) -> None:
        """End it if it still runs, and forget what it wrote."""
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def write_password_file(folder: Path, **users: str) -> str:
    """A password file in `folder`, as `ADAPTER_AUTH__PLUGINS`; `__` in a name stands for `@`."""
    from adapter.identity.passwd import password_entry  # noqa: PLC0415 - imports a hashing library

    path = folder / "passwords"
    entries = [password_entry(name.replace("__", "@"), password) for name, password in users.items()]
    path.write_text("\n".join(entries) + "\n")
    return json.dumps({"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(path)}})
