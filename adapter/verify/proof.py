"""Publishes a bounded load with synthetic devices, reads it back from Kafka, and checks the promises.

Every payload contains run, device, number and time, so the topic may hold other records, too. Some PUBACKs are checked
at once: right after one, the leaders are asked for the topic's end offsets, and the record must be before them. An
adapter that acknowledges too early is only milliseconds too early, so first a few devices have one message in flight
and each of their PUBACKs is checked, while nothing else keeps this process busy. Then all publish as fast as they may.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from adapter.errors import TransientKafkaError
from adapter.verify.judge import Sighting, judge
from adapter.verify.publisher import Publisher
from adapter.verify.report import ENOUGH_CHECKS, Report, latency

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adapter.verify.publisher import Series

MARK = b"adapter-verify"
QUIET_SECONDS = 5.0  # without a new record, before and after Kafka was seen to be there: then the missing ones are lost
PROMPT_SECONDS = 1.0  # an answer takes milliseconds; a slower one has waited for a new leader
CHECKING_DEVICES = 4  # more would check later
CHECKS = ENOUGH_CHECKS + ENOUGH_CHECKS // 5  # some may fail: Kafka may be away
CHECKING_SECONDS = 20.0  # then all devices publish; what is still missing is checked under load
KAFKA_BACK_SECONDS = 120.0  # wait so long for Kafka to return if it is unavailable after publishing


class Record(Protocol):
    """A record as a consumer reads it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Watch(Protocol):
    """`adapter.kafka.watch.TopicWatch`, started."""

    async def next(self) -> Sequence[Record]:
        """Wait about a second for records. Raises TransientKafkaError."""

    async def ends(self) -> dict[int, int]:
        """Return partition → end offset. Raises TransientKafkaError."""


@dataclass(slots=True)
class Proof:
    """One run. `run_id` marks its payloads, `say` gets lines about its progress, `seconds` limits the publishing."""

    run_id: str
    series: Sequence[Series]
    watch: Watch
    seconds: float
    payload_size: int = 0
    say: Callable[[str], None] = lambda _: None
    _sightings: list[Sighting] = field(default_factory=list)
    _places: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)  # first partition and offset
    _seen_after: list[float] = field(default_factory=list)  # seconds from PUBLISH to consumer
    _checks: list[tuple[str, int, dict[int, int]]] = field(default_factory=list)
    _at_will: asyncio.Event = field(default_factory=asyncio.Event)
    _publishing: asyncio.Timeout | None = None
    _interrupted: bool = False
    _to_check: tuple[str, int] | None = None
    _last_seen: float = 0.0

    async def run(self) -> Report:
        """Publish, read back, judge. Raises MqttUnreachableError, MqttRefusedError, and KafkaError if reading fails."""
        publishers = [Publisher(series, self, self._at_will) for series in with_checks(self.series)]
        started = time.monotonic()
        reading = asyncio.create_task(self._read())
        checking = asyncio.create_task(self._check_some())
        complete = True
        self._publishing = asyncio.timeout(self.seconds)
        try:
            async with self._publishing, asyncio.TaskGroup() as group:
                for publisher in publishers:
                    group.create_task(publisher.run())
                group.create_task(self._tell(publishers))
                group.create_task(self._release(publishers))
        except TimeoutError:
            complete = False
        except ExceptionGroup as failures:
            publishers = []  # nothing to read back
            raise failures.exceptions[0] from None
        finally:
            self._publishing = None
            published = time.monotonic() - started
            await self._read_the_rest(publishers)
            for task in (reading, checking):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task  # raises if reading failed: then nothing can be said about the adapter
        return self._report(publishers, published, complete=complete)

    def interrupt(self) -> bool:
        """Stop publishing and read back what is there; return False if nothing is being published."""
        if self._publishing is None or self._interrupted:
            return False
        self._interrupted = True
        self._publishing.reschedule(asyncio.get_running_loop().time())
        return True

    def payload(self, device: str, number: int) -> bytes:
        """Return the payload of a message."""
        head = b" ".join((MARK, self.run_id.encode(), device.encode(), b"%d" % number, b"%d" % time.time_ns()))
        return head.ljust(self.payload_size, b" ")

    async def _read(self) -> None:
        while True:
            try:
                records = await self.watch.next()
            except TransientKafkaError:
                await asyncio.sleep(1)
                continue
            now = time.time_ns()
            for record in records:
                self._saw(record, now)

    def _saw(self, record: Record, now: int) -> None:
        parts = (record.value or b"").split()
        if len(parts) != 5 or parts[0] != MARK or parts[1] != self.run_id.encode():  # noqa: PLR2004 - see `_payload`
            return
        device, number = parts[2].decode(), int(parts[3])
        self._sightings.append(Sighting(record.topic, record.partition, device, number))
        if (device, number) not in self._places:
            self._places[device, number] = (record.partition, record.offset)
            self._seen_after.append((now - int(parts[4])) / 1e9)
        self._last_seen = time.monotonic()

    def acknowledged(self, device: str, number: int) -> None:
        """Check this PUBACK if no other is being checked."""
        if self._to_check is None and self._at_will.is_set():
            self._to_check = (device, number)

    async def check(self, device: str, number: int) -> bool:
        """Ask for the topic's end offsets after a PUBACK; return whether there was an answer."""
        try:
            self._checks.append((device, number, await self.watch.ends()))
        except TransientKafkaError:
            await asyncio.sleep(0.1)
            return False
        return True

    async def _check_some(self) -> None:
        while True:
            if self._to_check is None:
                await asyncio.sleep(0.005)
            else:
                await self.check(*self._to_check)
                self._to_check = None

    async def _release(self, publishers: Sequence[Publisher]) -> None:
        """Let all devices publish at will after the first checks."""
        until = time.monotonic() + CHECKING_SECONDS
        while any(publisher.checking for publisher in publishers) and time.monotonic() < until:  # noqa: ASYNC110 - once
            await asyncio.sleep(0.02)
        self._at_will.set()

    async def _tell(self, publishers: Sequence[Publisher]) -> None:
        total = sum(publisher.series.count for publisher in publishers)
        while not all(publisher.done for publisher in publishers):
            sent = sum(len(publisher.story.published) for publisher in publishers)
            acknowledged = sum(len(publisher.story.acknowledged) for publisher in publishers)
            self.say(f"{sent} of {total} published, {acknowledged} acknowledged, {len(self._places)} read back")
            await asyncio.sleep(0.2)

    async def _read_the_rest(self, publishers: Sequence[Publisher]) -> None:
        """Read until every message is there, or until Kafka can be read but yields nothing more."""
        given_up = time.monotonic() + KAFKA_BACK_SECONDS
        could_be_read = False
        self._last_seen = time.monotonic()
        while time.monotonic() < given_up:
            if all(
                (publisher.story.name, number) in self._places
                for publisher in publishers
                for number in publisher.story.published
            ):
                await asyncio.sleep(0.5)  # records that should not exist may still come
                return
            if time.monotonic() - self._last_seen > QUIET_SECONDS:
                # Once is not enough: if a partition has just come back, its records are still to be read.
                before, could_be_read = could_be_read, await self._can_be_read()
                if before and could_be_read:
                    return
                self._last_seen = time.monotonic()
            await asyncio.sleep(0.1)

    async def _can_be_read(self) -> bool:
        """Whether Kafka answers at once for every partition of which anything was known."""
        asked = time.monotonic()
        try:
            ends = await self.watch.ends()
        except TransientKafkaError:
            return False
        known = {partition for partition, _ in self._places.values()}
        known.update(partition for _, _, earlier in self._checks for partition in earlier)
        return known <= ends.keys() and time.monotonic() - asked < PROMPT_SECONDS

    def _report(self, publishers: Sequence[Publisher], seconds: float, *, complete: bool) -> Report:
        stories = [publisher.story for publisher in publishers]
        codes: dict[int, int] = {}
        for publisher in publishers:
            for code, count in publisher.codes.items():
                codes[code] = codes.get(code, 0) + count
        checked = late = 0
        for device, number, ends in self._checks:
            partition, offset = self._places.get((device, number), (-1, -1))
            if partition in ends or partition < 0:  # else its leader was not asked, because nobody knew it
                checked += 1
                late += partition >= 0 and offset >= ends[partition]
        return Report(
            run_id=self.run_id,
            complete=complete,
            interrupted=self._interrupted,
            seconds=seconds,
            verdict=judge(stories, self._sightings),
            unanswered=sum(len(story.unanswered) for story in stories),
            refused=sum(len(story.refused) for story in stories),
            qos_0_not_there=sum(
                not qos and (story.name, number) not in self._places
                for story in stories
                for number, qos in story.published.items()
            ),
            checked=checked,
            before_record=late,
            returns=sum(publisher.returns for publisher in publishers),
            codes=codes,
            puback=latency([value for publisher in publishers for value in publisher.latencies]),
            consumer=latency(self._seen_after),
        )


def with_checks(series: Sequence[Series]) -> list[Series]:
    """Spread the first checks over the first devices: `CHECKING_DEVICES`, or more if they have too few messages."""
    left = CHECKS
    devices = []
    for one in series:
        checks = min(left, one.count, CHECKS // CHECKING_DEVICES)
        left -= checks
        devices.append(replace(one, checks=checks))
    return devices
