"""Apache Kafka from Maven Central's artifacts, in `.cache/kafka/` of the checkout. Run it to fetch them."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POM = Path(__file__).with_name("kafka") / "pom.xml"
CACHE = ROOT / ".cache" / "kafka"
FETCH_SECONDS = 900


class KafkaMissingError(RuntimeError):
    """Java, Maven or the artifacts are not to be had: a test that needs them fails."""


def ensure_kafka() -> Path:
    """The folder with the jars; fetched when they are not there or the pom has changed."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise KafkaMissingError(f"{program} is not on the PATH; the tests run a real Kafka (Java 17 and Maven)")
    CACHE.mkdir(parents=True, exist_ok=True)
    libs = CACHE / "libs"
    stamp = CACHE / "stamp"
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may begin at once
        if stamp.exists() and stamp.read_text() == wanted:
            return libs
        shutil.rmtree(libs, ignore_errors=True)
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
        )
        if done.returncode or not list(libs.glob("kafka_2.13-*.jar")):
            raise KafkaMissingError(f"Maven could not fetch Kafka:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)
    return libs


if __name__ == "__main__":
    sys.stdout.write(f"{ensure_kafka()}\n")
