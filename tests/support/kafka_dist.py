"""Apache Kafka from Maven Central's artifacts."""

from pathlib import Path

from tests.support.maven import ROOT, jars

__all__ = ["BEFORE", "CURRENT", "ROOT", "ensure_kafka"]

CURRENT = "kafka"
BEFORE = "kafka_before"  # a release to upgrade from


def ensure_kafka(release: str = CURRENT) -> Path:
    """The folder with Kafka's jars, fetched when needed. Raises JavaMissingError."""
    return jars(Path(__file__).parent / release / "pom.xml")
