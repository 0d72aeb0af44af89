"""The clients that people use, against the real adapter and a real Kafka; `make clients` runs more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.catalogue import CLIENTS
from tests.clients.matrix import play, seats_of
from tests.clients.scenarios import SCENARIOS, Scenario
from tests.clients.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kafka_broker import KafkaBroker

SEATS = seats_of(client for client in CLIENTS if client.quick)


@pytest.fixture(scope="module")
def stage(kafka: KafkaBroker) -> Iterator[Stage]:
    """One for all scenarios."""
    with Stage(kafka, SEATS) as set_up:
        yield set_up
        set_up.adapter.assert_balanced()


@pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.name) for scenario in SCENARIOS])
async def test_every_client_does_what_it_can(stage: Stage, scenario: Scenario) -> None:
    cells = await play(stage, scenario, SEATS)
    assert {(cell.client, cell.level): cell.wrong for cell in cells if cell.wrong} == {}
