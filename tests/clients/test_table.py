"""The README says which clients were run; its table is that of the last `make clients`."""

from __future__ import annotations

from tests.clients.catalogue import CLIENTS, NAMES
from tests.clients.scenarios import SCENARIOS
from tests.clients.table import in_readme


def test_the_readme_names_every_client_in_its_versions_and_every_scenario_and_no_other() -> None:
    heading, *rows = in_readme()
    assert heading == ["client", "MQTT", *(scenario.name for scenario in SCENARIOS)]
    assert [(row[0].split(" ")[:-2], row[1]) for row in rows] == [
        (client.name.split(" "), ", ".join(NAMES[level] for level in client.levels)) for client in CLIENTS
    ]


def test_no_client_fails_in_the_readme_and_what_is_not_there_is_said_to_be_the_clients_own_limit() -> None:
    heading, *rows = in_readme()
    for row, client in zip(rows, CLIENTS, strict=True):
        for scenario, cell in zip(heading[2:], row[2:], strict=True):
            assert (cell[:3] == "no ") if scenario in client.lacks else (cell == "yes"), (client.name, scenario, cell)
