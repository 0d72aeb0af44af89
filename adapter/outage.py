"""Who waits until Kafka tells of a topic, topic by topic: one look for all of them, and none when nobody waits.

Kafka is away, or an operator has yet to grant the right to the topic. A whole fleet may wait for the same topic, after
a start without Kafka; and whoever goes must leave nothing behind.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from adapter.errors import TransientKafkaError

if TYPE_CHECKING:
    from adapter.tasks import Tasks

RETRY_SECONDS = 0.5


class Topics(Protocol):
    """`adapter.kafka`."""

    async def find(self, topic: str) -> int | None:
        """Raises TransientKafkaError when Kafka cannot be asked, or does not tell."""


class _Look:
    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.waiting = 0


class Outage:
    """`tasks` owns the looks."""

    def __init__(self, topics: Topics, tasks: Tasks) -> None:
        self._topics = topics
        self._tasks = tasks
        self._looks: dict[str, _Look] = {}

    async def wait(self, topic: str) -> None:
        """Until Kafka has answered about the topic, whatever it said: who comes late may have to ask once more."""
        look = self._looks.get(topic)
        if look is None:
            look = self._looks[topic] = _Look(self._tasks.spawn(self._look(topic)))
        look.waiting += 1
        try:
            await asyncio.shield(look.task)
        finally:
            look.waiting -= 1
            if not look.waiting:
                look.task.cancel()
                self._forget(topic, look)

    async def _look(self, topic: str) -> None:
        look = self._looks[topic]
        try:
            while True:
                await asyncio.sleep(RETRY_SECONDS)
                try:
                    await self._topics.find(topic)
                except TransientKafkaError:
                    continue
                return
        finally:
            self._forget(topic, look)

    def _forget(self, topic: str, look: _Look) -> None:
        if self._looks.get(topic) is look:
            del self._looks[topic]
