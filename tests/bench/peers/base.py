"""What the bench needs from a system that it measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench.load import Load
from tests.bench.shapes import Shape


@dataclass(frozen=True, slots=True)
class Site:
    """One measurement's place: `name` is unique in this Kafka, `directory` is for files, `port` is for MQTT."""

    name: str
    directory: Path
    port: int
    bootstrap_servers: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a server."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


class Peer(Protocol):
    """A system that takes MQTT."""

    name: str
    title: str
    conditions: str  # what it does for its figures, and what it does not
    to_kafka: bool  # otherwise there is nothing to verify

    def topic(self, site: Site) -> str:
        """The Kafka topic that its records reach."""

    def command(self, site: Site) -> Command:
        """How to start it, with the files that it needs made."""

    def load(self, site: Site) -> Load:
        """The devices that publish to it."""

    def versions(self) -> Mapping[str, str]:
        """What it is made of."""
