"""Makes `partitions.json` with Kafka's Java client: `python -m tests.unit.kafka.vectors.make` (Java 17 and Maven)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.kafka_dist import ensure_kafka

FOLDER = Path(__file__).parent


def main() -> None:
    """Run the program beside this file on the jars that the tests' broker runs on."""
    program = FOLDER / "PartitionVectors.java"
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", f"{ensure_kafka()}/*", str(program)]
    made = subprocess.run(command, check=True, capture_output=True, timeout=300)
    (FOLDER / "partitions.json").write_bytes(made.stdout)


if __name__ == "__main__":
    main()
