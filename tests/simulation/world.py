"""A plan happens: processes, devices, Kafka and its faults in one loop. What is promised is looked after at every turn.

At every turn: the ledger balances, the budget keeps its limit. When the adapter writes a PUBACK: Kafka's in-sync
replicas have the record. Every second: a connection that failed gets closed. At the end: nobody waits, nothing is
left, and the judge compares what devices were told with what Kafka has.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from adapter.mqtt.pause import Pause
from adapter.reasons import Reason
from adapter.verify.judge import Verdict
from adapter.wiring import RUNS_IN_A_BATCH
from tests.simulation import faults
from tests.simulation.device import PUBACK, PUBREC, REFUSED, Device, split
from tests.simulation.kafka_cluster import BrokenPromiseError, Cluster
from tests.simulation.process import Process, SimulatedService
from tests.simulation.sentence import sentence
from tests.simulation.virtual_loop import BEGINNING, VirtualLoop

if TYPE_CHECKING:
    from adapter.delivery.lane import Lane
    from adapter.mqtt.session import Session
    from tests.simulation.plan import Fault, Plan

LARGEST_RECORD = 800  # bytes, with its headers, by the adapter's estimate
LONGEST = 300.0  # seconds after which everyone must have been answered: faults end after some fifteen
DOWN = 0.7  # seconds between two processes
CLOSED_WITHIN = 4.0  # seconds: closings are paced
ROUND_TRIPS = 4
CALM = 4.0  # seconds after which a fault has no consequences any more, for a drain
FAULTS_OF_OURS = (
    "a task of the producer failed",
    "topic look-up failed",
    "authentication failed",
    "internal error",
    "internal error, closing",
)


@dataclass
class Result:
    """`broken`: what was not kept, in words; empty when all was. `trace`: what happened, for comparing and reading."""

    broken: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    seen: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.broken


class World:
    """One history. Made and run once."""

    def __init__(self, plan: Plan, service: type[SimulatedService] = SimulatedService) -> None:
        self._plan = plan
        self._service = service
        self._result = Result()
        self._loop = VirtualLoop(self._turned, self._fault)
        self._context = contextvars.Context()
        self._process: Process | None = None
        self._processes = 0
        self._failed: dict[Session, float] = {}
        self._malformed = {  # devices that send a malformed packet
            device.name for device in plan.devices if any(each.end == "malformed" for each in device.connections)
        }
        self._over = False
        self._refused: set[tuple[str, int]] = set()  # the adapter said so; whether the device heard it or not
        self._counts: tuple[int, ...] = ()

    def run(self) -> Result:
        """Let it happen."""
        result = self._result
        state = random.getstate()
        random.seed(self._plan.seed)  # the adapter's jitter
        with structlog.testing.capture_logs() as lines:
            try:
                self._loop.run_until_complete(self._loop.create_task(self._history(), context=self._context))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is part of the history
                self._break(f"{type(error).__name__}: {error}")
            finally:
                self._over = True
                self._loop.end()
                random.setstate(state)
        for line in lines:
            result.seen[f"log: {line['event']}"] += 1
            if line["event"] in FAULTS_OF_OURS or (
                line["event"] == "protocol error" and line["client_id"] not in self._malformed
            ):
                self._break(f"the adapter's own fault: {line}")
        return result

    def _break(self, text: str) -> None:
        self._result.broken += f"{text}\n"

    def _note(self, text: str) -> None:
        self._result.trace.append(f"{self._loop.time() - BEGINNING:9.4f} {text}")

    # -- the history ---------------------------------------------------------------------------------------------------

    async def _history(self) -> None:
        plan = self._plan
        loop = self._loop
        self.cluster = Cluster(plan, loop, self._context, self._note)
        self._start_process()
        for fault in plan.faults:
            loop.call_later(fault.at, self._begin, fault)
        limit = plan.config.receive_maximum
        devices = [
            Device(each, plan.seed, self._accepting, self._adapter_wrote, limit, self._note) for each in plan.devices
        ]
        watch = loop.create_task(self._watch())
        stop = loop.create_task(self._stop_in_between()) if plan.stop else None
        lives = [loop.create_task(device.run()) for device in devices]
        if lives:
            _, late = await asyncio.wait(lives, timeout=LONGEST)
            if late:
                if stop is not None and stop.done():
                    stop.result()  # why there is nobody to answer them
                raise BrokenPromiseError("waits for ever: " + "; ".join(each.unfinished for each in devices))
            for life in lives:
                life.result()
        if stop is not None:
            await stop
        ends = max((fault.at + fault.span for fault in plan.faults), default=0.0) + CALM
        await asyncio.sleep(max(0.0, ends + BEGINNING - loop.time()))
        await self._terminate(calm=True)
        watch.cancel()
        result = self._result
        result.seen = self.cluster.seen
        result.verdict, complaints = sentence(self.cluster, [device.story for device in devices], self._refused)
        for complaint in complaints:
            self._break(complaint)

    def _begin(self, fault: Fault) -> None:
        self._note(f"fault: {fault.kind}")
        faults.begin(self.cluster, fault)

    def _start_process(self) -> None:
        self._processes += 1
        self._note(f"process {self._processes} starts")
        self._process = Process(self._processes, self._plan.config, self.cluster, self._service)

    def _accepting(self) -> Process | None:
        return self._process if self._process is not None and self._process.up else None

    async def _stop_in_between(self) -> None:
        plan = self._plan
        await asyncio.sleep(plan.stop_at)
        assert self._process is not None
        self._note(plan.stop)
        self.cluster.seen[f"stop: {plan.stop}"] += 1
        if plan.stop == "kill":
            self._process.kill()
        else:
            calm = not any(
                fault.at - plan.config.drain_timeout < plan.stop_at < fault.at + fault.span + CALM
                for fault in plan.faults
            )
            await self._terminate(calm=calm)
        self._process = None
        await asyncio.sleep(DOWN)
        self._start_process()

    async def _terminate(self, *, calm: bool) -> None:
        """SIGTERM; when Kafka is well, what was pending must have got there."""
        process = self._process
        assert process is not None
        if process.service._pipeline is None:
            await process.terminate()
            return
        before = process.pipeline.pending
        needed = max((self._batches(lane) for lane in process.pipeline.lanes), default=0) * self._batch_seconds
        unknown = sum(process.ledger.unknown)
        drained = await process.terminate()
        self._note(f"drained {drained}")
        if before:
            self.cluster.seen["drained with messages pending"] += 1
        ledger = process.ledger
        left_out = sum(ledger.dropped[qos][Reason.SHUTDOWN] for qos in range(3))
        # Every search for a record that Kafka rejects takes a few answers more.
        searches = any(message.poison for device in self._plan.devices for message in device.messages)
        # A topic may come back smaller; what waits for a partition that is no more waits for the delivery timeout.
        gone = any(fault.kind == "topic deleted" for fault in self._plan.faults)
        calm = calm and not searches and not gone and self._plan.config.drain_timeout >= needed
        if calm and (left_out or sum(ledger.unknown) > unknown):
            raise BrokenPromiseError(f"SIGTERM, Kafka is well, and not all that was pending is there: {drained}")
        if sum(ledger.pending) or process.budget.used or process.budget.waiting:
            raise BrokenPromiseError(f"left behind: {ledger.pending} pending, {process.budget.used} bytes")
        if process.frontend.sessions or process.frontend.counters.connections:
            raise BrokenPromiseError("a connection is still open after the stop")
        tasks = self._loop.tasks(process.number)
        if tasks:
            raise BrokenPromiseError(f"a task has outlived the stop: {tasks}")
        if process.frontend.counters.paused:
            raise BrokenPromiseError("a connection counts as paused, and there is none")
        self._account(process)

    @property
    def _batch_seconds(self) -> float:
        """In which a Kafka that is well has surely answered a batch."""
        config = self._plan.config
        return config.linger + ROUND_TRIPS * (config.latency + 0.01)

    def _batches(self, lane: Lane) -> int:
        """More than which it surely does not take to send all that a lane holds."""
        size = self._plan.config.max_batch_size
        # Two neighbours in the queue that do not fit into one batch fill more than one together.
        return 2 * sum(run.size for run in lane.queue) // size + 2

    # -- what is looked after ------------------------------------------------------------------------------------------

    def _fault(self, text: str) -> None:
        if not self._over:
            self._break(f"nobody caught {text}")

    def _turned(self) -> None:
        process = self._process
        if self._over or process is None or process.service._pipeline is None:
            return
        ledger = process.ledger
        counts = (*ledger.received, *ledger.pending)  # one of them moves with everything else
        if counts != self._counts and any(map(ledger.difference, range(3))):
            raise BrokenPromiseError(f"the ledger is off by {[ledger.difference(qos) for qos in range(3)]}")
        self._counts = counts
        budget = process.budget
        run = self._plan.config.max_batch_size // RUNS_IN_A_BATCH + LARGEST_RECORD
        if not 0 <= budget.used <= budget.limit + run:
            raise BrokenPromiseError(f"{budget.used} bytes are held where {budget.limit} are allowed")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            process = self._accepting()
            if process is None:
                self._failed.clear()
                continue
            now = self._loop.time()
            failed = [session for session in process.frontend.sessions if session.pauses & Pause.FAILED]
            self._failed = {session: self._failed.get(session, now) for session in failed}
            if any(now - since > CLOSED_WITHIN for since in self._failed.values()):
                raise BrokenPromiseError("a connection has failed, and is not closed")

    def _adapter_wrote(self, device: Device, data: bytes) -> None:
        """Before the device reads it: whatever is acknowledged must be in Kafka by now."""
        for kind, body in split(data)[0]:
            if kind not in {PUBACK, PUBREC}:
                continue
            number = device.number(int.from_bytes(body[:2], "big"))
            if len(body) > 2 and body[2] >= REFUSED:
                self._note(f"{device.plan.name} PUBACK {number} refused")
                self._refused.add((device.plan.name, number))
            else:
                self._note(f"{device.plan.name} PUBACK {number}")
                if (device.plan.name, number) not in self.cluster.committed:
                    self._break(f"PUBACK for {device.plan.name} {number}, which the in-sync replicas do not have")

    def _account(self, process: Process) -> None:
        seen = self.cluster.seen
        ledger = process.ledger
        for qos in range(3):
            seen[f"QoS {qos} acknowledged"] += ledger.acknowledged[qos]
            seen[f"QoS {qos} unknown"] += ledger.unknown[qos]
            for what, counts in (("refused", ledger.refused[qos]), ("dropped", ledger.dropped[qos])):
                for reason, count in counts.items():
                    seen[f"QoS {qos} {what}: {reason.value}"] += count
        for cause, count in process.frontend.counters.closed.items():
            seen[f"closed: {cause}"] += count
        seen["batches sent again"] += process.pipeline.counters.retries
        assert process.service._producer is not None
        seen["producers replaced"] += process.service._producer.replacements


def run(plan: Plan, service: type[SimulatedService] = SimulatedService) -> Result:
    """Let a plan happen, and judge it."""
    return World(plan, service).run()
