"""Java libraries by Maven: the jars that a pom names and theirs, in `.cache/` of the checkout. Run it to fetch all."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
FETCH_SECONDS = 900


class JavaMissingError(RuntimeError):
    """Java, Maven or the artifacts are not to be had: a test that needs them fails."""


def jars(pom: Path) -> Path:
    """The folder with the jars; fetched when they are not there or the pom has changed."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise JavaMissingError(f"{program} is not on the PATH; the tests run a real Kafka (Java 17 and Maven)")
    cache = CACHE / pom.parent.name
    cache.mkdir(parents=True, exist_ok=True)
    libs = cache / "libs"
    stamp = cache / "stamp"
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test runs may begin at once
        if stamp.exists() and stamp.read_text() == wanted:
            return libs
        shutil.rmtree(libs, ignore_errors=True)
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={libs}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
        )
        if done.returncode or not list(libs.glob("*.jar")):
            raise JavaMissingError(f"Maven could not fetch what {pom} names:\n{done.stdout}{done.stderr}")
        stamp.write_text(wanted)
    return libs


if __name__ == "__main__":
    for found in sorted((ROOT / "tests").glob("*/*/pom.xml")):
        sys.stdout.write(f"{jars(found)}\n")
