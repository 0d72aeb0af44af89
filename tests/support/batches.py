"""Batches for the Kafka producer, and a caller that keeps to its contract: one batch of a partition at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adapter.errors import KafkaError, ProducerLostError, TransientKafkaError
from adapter.model import Header, RecordTemplate
from adapter.runs import Batch, Route, Run
from tests.support.fakes import FakeOwner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from adapter.kafka.producer import Producer

ARRIVED_MS = 1_700_000_000_123


class NoLane:
    """A sink that nothing is put into: these runs are put into batches by hand."""

    retired = False

    def put(self, run: Run) -> None:
        raise AssertionError(run)


def make_run(
    payloads: Iterable[bytes],
    *,
    topic: str = "plant",
    key: bytes | None = b"device",
    headers: tuple[Header, ...] = (("device_id", b"device"),),
    arrived_ms: int = ARRIVED_MS,
) -> Run:
    """A run of these payloads, with the size that delivery would give it."""
    route = Route(RecordTemplate(topic, key, headers, "test"), NoLane(), ack_on_receipt=False)
    run = Run(route, FakeOwner(), 1, 1000.0, arrived_ms)
    run.payloads = list(payloads)
    run.size = sum(map(len, run.payloads)) + len(run.payloads) * route.overhead
    return run


def make_batch(topic: str, partition: int, payloads: Iterable[bytes], *, key: bytes | None = b"device") -> Batch:
    """A batch of one run."""
    return batch_of(topic, partition, [make_run(payloads, topic=topic, key=key)])


def batch_of(topic: str, partition: int, runs: list[Run]) -> Batch:
    """A batch of these runs."""
    return Batch(topic, partition, runs, sum(run.size for run in runs), sum(len(run.payloads) for run in runs))


class Sent:
    """What was handed to the producer: `error` when it was answered. A second answer is an error of the product."""

    def __init__(self, producer: Producer, batch: Batch) -> None:
        self.batch = batch
        self._answer: asyncio.Future[KafkaError | None] = asyncio.get_running_loop().create_future()
        producer.send(batch, self._answered)
        assert not self._answer.done(), "answered before send() returned"

    def _answered(self, batch: Batch, error: KafkaError | None) -> None:
        assert batch is self.batch
        self._answer.set_result(error)

    @property
    def answered(self) -> bool:
        return self._answer.done()

    async def answer(self, within: float = 30.0) -> KafkaError | None:
        return await asyncio.wait_for(asyncio.shield(self._answer), within)


async def send(producer: Producer, batch: Batch, within: float = 30.0) -> KafkaError | None:
    """Send a batch once, and wait for its answer."""
    return await Sent(producer, batch).answer(within)


async def deliver(producer: Producer, batch: Batch, within: float = 60.0) -> KafkaError | None:
    """Send a batch as delivery does: again when the error is transient or the producer was lost."""
    async with asyncio.timeout(within):
        while True:
            error = await Sent(producer, batch).answer(within)
            if not isinstance(error, (TransientKafkaError, ProducerLostError)):
                return error
            await asyncio.sleep(0.1)


def first_occurrences(values: Sequence[bytes]) -> list[bytes]:
    """The values in order, without repetitions: what at least once promises about order."""
    return list(dict.fromkeys(values))
