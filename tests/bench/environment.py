"""Where and when a bench ran, and on what: figures mean little without it."""

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped] # ships no type information

from tests.bench.peers.base import Peer
from tests.support.kafka_dist import ensure_kafka


def machine() -> dict[str, Any]:
    """The hardware and the system, as far as they say it themselves."""
    cpu_info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in cpu_info.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """Of all that takes part."""
    [jar] = ensure_kafka().glob("kafka_2.13-*.jar")
    java = subprocess.run(["java", "-version"], check=True, capture_output=True, text=True).stderr.splitlines()[0]
    found = {"kafka": jar.stem.removeprefix("kafka_2.13-"), "java": java}
    for peer in peers:
        found.update(peer.versions())
    return found
