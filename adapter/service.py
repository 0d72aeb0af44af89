"""The composition root: makes every part, joins them, starts them in order, and stops them in order.

Start:  HTTP endpoint (alive, not ready) → plugins → Kafka (for as long as it takes) → MQTT listener → ready
Stop:   not ready → no new connections, no reading → pending flushed, PUBACKs written → devices told and closed
        → producer → plugins → HTTP endpoint. Every step has a time limit.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from adapter.counters import Ledger
from adapter.delivery.budget import Budget
from adapter.delivery.pipeline import Pipeline, PipelineConfig
from adapter.errors import TransientKafkaError
from adapter.identity.gatekeeper import Gatekeeper, IdentityConfig
from adapter.ingress import Ingress
from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from adapter.kafka.partitioner import partition_for
from adapter.kafka.producer import Producer
from adapter.kafka.topics import Topics
from adapter.model import Delivery
from adapter.mqtt.frontend import Frontend, MqttConfig
from adapter.mqtt.listener import Listener
from adapter.routing.config import RoutingConfig
from adapter.routing.router import Router
from adapter.routing.routes_file import load_routes
from adapter.settings import Settings
from adapter.telemetry.http import HttpEndpoint
from adapter.telemetry.logs import RateLimitedLog
from adapter.telemetry.metrics import Sources, make_registry

log = structlog.get_logger(__name__)

EMBEDDED = "embedded"
# A batch also has a header of 61 bytes (record format v2); the producer's own limit leaves room for it.
BATCH_OVERHEAD = 1024
KAFKA_RETRY_SECONDS = (0.2, 5.0)
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What the end of the service left behind: messages per fate."""

    unknown: int
    dropped: int

    @property
    def complete(self) -> bool:
        """Whether everything that was taken is in Kafka or was answered."""
        return not (self.unknown or self.dropped)
