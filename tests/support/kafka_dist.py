"""Apache Kafka from Maven Central's artifacts."""

from pathlib import Path

from tests.support.maven import ROOT, jars

__all__ = ["ROOT", "ensure_kafka"]

POM = Path(__file__).with_name("kafka") / "pom.xml"


def ensure_kafka() -> Path:
    """The folder with Kafka's jars, fetched when needed. Raises JavaMissingError."""
    return jars(POM)
