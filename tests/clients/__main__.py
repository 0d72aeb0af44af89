"""`make clients`: builds and runs the clients of all languages, and writes the table of the README."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.clients import table
from tests.clients.catalogue import CLIENTS, NAMES
from tests.clients.languages import ToolMissingError
from tests.clients.matrix import Cell, play, seats_of
from tests.clients.page import try_page
from tests.clients.scenarios import SCENARIOS
from tests.clients.stage import Stage
from tests.support.kafka_broker import KafkaBroker


def main() -> int:
    """Exit code: 0 when all did what they can."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make clients")
    parser.add_argument("--client", choices=[client.name for client in CLIENTS], action="append")
    parser.add_argument("--scenario", choices=[scenario.name for scenario in SCENARIOS], action="append")
    chosen = parser.parse_args()
    clients = [client for client in CLIENTS if not chosen.client or client.name in chosen.client]
    try:
        for language in dict.fromkeys(client.language for client in clients):
            sys.stdout.write(f"{language.name} …\n")
            language.build()
    except (ToolMissingError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    scenarios = [scenario.name for scenario in SCENARIOS if not chosen.scenario or scenario.name in chosen.scenario]
    cells: list[Cell] = []
    seats = seats_of(clients)
    with KafkaBroker() as kafka, Stage(kafka, seats) as stage:
        for scenario in SCENARIOS:
            if scenario.name in scenarios:
                begun = time.monotonic()
                played = asyncio.run(play(stage, scenario, seats))
                failed = [cell for cell in played if cell.wrong]
                sys.stdout.write(f"{scenario.name:18} {len(played):3} played, {len(failed):3} failed, ")
                sys.stdout.write(f"{time.monotonic() - begun:5.1f} s\n")
                for cell in failed:
                    sys.stdout.write(f"  {cell.client}, MQTT {NAMES[cell.level]}: {cell.wrong}\n")
                cells += played
        page = try_page(stage) if not chosen.client and not chosen.scenario else None
        sys.stdout.write(f"examples/publish.html in Chromium: {page or 'as it must be'}\n")
        stage.adapter.assert_balanced()
    if not chosen.client and not chosen.scenario:
        text = table.render(cells)
        sys.stdout.write(f"\n{text}")
        table.write(text)
    return int(page is not None or any(cell.wrong for cell in cells))


if __name__ == "__main__":
    sys.exit(main())
