"""Creates producers, one after another: where to connect first, how often to try, and what readiness reports."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaProducer

from adapter.errors import ConfigurationError, TransientKafkaError
from adapter.kafka.bootstrap import find_server
from adapter.kafka.generation import MAX_RECORDS, Generation

if TYPE_CHECKING:
    from adapter.kafka.health import Health
    from adapter.kafka.options import KafkaOptions

log = structlog.get_logger(__name__)

FindServer = Callable[["KafkaOptions", Iterable[tuple[str, int]], float], Awaitable[str]]

CONNECT_SECONDS = 10.0  # for finding a broker, and for connecting: brokers answer in milliseconds, or are unavailable
# The first and the longest pause between two attempts to connect, with jitter. Within 3 s of Kafka's return the adapter
# must write again.
RECONNECT_SECONDS = (0.1, 2.0)
# Each new producer costs a producer id, which brokers remember for a day, and a device may be able to cause one. After
# QUICK_REPLACEMENTS within QUICK_SECONDS there is at most one per SLOW_SECONDS.
QUICK_REPLACEMENTS = 10
QUICK_SECONDS = 60.0
SLOW_SECONDS = 1.0
# … but at most this part of a request timeout: the search for a rejected record must end before the delivery timeout.
SLOW_PART = 0.1


class Connecting:
    """`max_records` limits what one producer writes to a partition; `client` creates the aiokafka producer.

    `find_server` chooses the broker to start with.
    """

    def __init__(
        self,
        options: KafkaOptions,
        health: Health,
        *,
        max_records: int = MAX_RECORDS,
        client: Callable[..., Any] = AIOKafkaProducer,
        find_server: FindServer = find_server,
    ) -> None:
        self._options = options
        self._health = health
        self._max_records = max_records
        self._client = client
        self._find_server = find_server
        self._slow = min(SLOW_SECONDS, options.request_timeout_ms / 1000 * SLOW_PART)
        self._made: deque[float] = deque(maxlen=QUICK_REPLACEMENTS)  # when those that replaced another were

    async def connect(self, known: Iterable[tuple[str, int]] = ()) -> Generation:
        """Make one; `known` is where brokers were, besides the bootstrap servers.

        Raises TransientKafkaError while that cannot be done, ConfigurationError for a bad certificate.
        """
        try:
            server = await self._find_server(self._options, known, CONNECT_SECONDS)
            options = replace(self._options, bootstrap_servers=server)
            generation = Generation(options, self._max_records, self._client)
            await generation.start(CONNECT_SECONDS)
        except (TransientKafkaError, ConfigurationError) as error:
            self._health.cannot_connect(str(error))
            raise
        self._health.connected(_now())
        return generation

    async def replace(self, generation: Generation) -> Generation:
        """Make the next one, for as long as it takes."""
        if len(self._made) == QUICK_REPLACEMENTS and _now() - self._made[0] < QUICK_SECONDS:
            await asyncio.sleep(self._made[-1] + self._slow - _now())
        pause, longest = RECONNECT_SECONDS
        while True:
            try:
                following = await self.connect(generation.brokers())
            except (TransientKafkaError, ConfigurationError):
                pass  # readiness tells
            except Exception:
                log.exception("the next Kafka producer could not be made")
            else:
                self._made.append(_now())
                return following
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(pause * 2, longest)


def _now() -> float:
    """Monotonic seconds, as the event loop counts them."""
    return asyncio.get_running_loop().time()
