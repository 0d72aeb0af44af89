"""Plays a scenario with all clients that can, and compares what Kafka has with what it must have."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.clients.program import ProgramError
from tests.clients.stage import Seat, Stage
from tests.support.records import Record, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.clients.catalogue import Client
    from tests.clients.scenarios import Expected, Scenario

SHOWN = 60  # bytes of a payload in a message


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of a client, in one version of the protocol, in a scenario."""

    client: str
    level: int
    scenario: str
    wrong: str | None  # None: all was as it must be


def seats_of(clients: Iterable[Client]) -> list[Seat]:
    """Every client in each of its versions."""
    return [Seat(client, level) for client in clients for level in client.levels]


async def play(stage: Stage, scenario: Scenario, seats: Iterable[Seat]) -> list[Cell]:
    """Play a scenario, and judge it."""
    able = [seat for seat in seats if scenario.name not in seat.client.lacks]
    topic = stage.kafka.create_topic(f"hono.telemetry.{scenario.tenant}")
    outcomes = await scenario.play(stage, scenario, able)
    count = sum(
        len(payloads)
        for outcome in outcomes.values()
        if not isinstance(outcome, ProgramError)
        for payloads in outcome.values()
    )
    records = await asyncio.to_thread(read_all, stage.kafka.bootstrap, topic, count)

    def wrong(seat: Seat) -> str | None:
        outcome = outcomes[seat]
        return str(outcome) if isinstance(outcome, ProgramError) else judge(outcome, records, repeats=scenario.repeats)

    return [Cell(seat.client.name, seat.level, scenario.name, wrong(seat)) for seat in able]


def judge(expected: Expected, records: Sequence[Record], *, repeats: bool) -> str | None:
    """What is wrong with the records of these devices, if anything."""
    for device, payloads in expected.items():
        found = [record.value or b"" for record in records if record.key == device.encode()]
        firsts = list(dict.fromkeys(found)) if repeats else found
        if firsts != payloads:
            return f"{device}: Kafka has {_short(firsts)} instead of {_short(payloads)}"
    return None


def _short(payloads: Sequence[bytes]) -> str:
    return f"{len(payloads)} {[payload[:SHOWN] for payload in payloads]}"
