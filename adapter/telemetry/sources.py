"""The sources of the metrics, read when Prometheus scrapes: plain counters, and small views of the other parts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from adapter import __version__
from adapter.telemetry.loop_lag import LoopLag
from adapter.telemetry.open_files import OpenFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapter.counters import DeliveryCounters, FrontEndCounters, Ledger


class Pipeline(Protocol):
    """The delivery pipeline."""

    @property
    def counters(self) -> DeliveryCounters: ...
    def fill(self) -> Mapping[str, int]:
        """Return `lanes`, `queued_runs` and `in_flight_records`."""


class Budget(Protocol):
    """The budget of bytes that wait for Kafka."""

    @property
    def limit(self) -> int:
        """Bytes that may wait."""

    @property
    def used(self) -> int:
        """Bytes that wait."""

    @property
    def waiting(self) -> int:
        """Connections that wait for room and are not read."""


class Producer(Protocol):
    """The Kafka producer."""

    @property
    def ready(self) -> bool:
        """Whether Kafka can be written to, as far as known."""

    @property
    def replacements(self) -> int:
        """How often an unusable producer was replaced."""


class Listeners(Protocol):
    """The listeners for devices."""

    @property
    def certificate_expiry(self) -> float | None:
        """When the server's certificate expires, in seconds since the epoch; None without TLS."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that is measured. `started` is in seconds since the epoch.

    The creator starts and stops `loop_lag` and `open_files`.
    """

    front_end: FrontEndCounters
    ledger: Ledger
    pipeline: Pipeline
    budget: Budget
    producer: Producer
    listeners: Listeners
    version: str = __version__
    loop_lag: LoopLag = field(default_factory=LoopLag)
    open_files: OpenFiles = field(default_factory=OpenFiles)
    started: float = field(default_factory=time.time)
