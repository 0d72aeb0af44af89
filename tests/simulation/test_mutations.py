"""The simulation notices what it is there for: every deliberate bug is caught within its number of seeds."""

from __future__ import annotations

import re
from inspect import Parameter, signature
from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS, Mutation, switched_on
from tests.simulation.plan import Plan, make
from tests.simulation.test_seeds import SEEDS
from tests.simulation.world import run

HISTORIES = Path(__file__).parent / "histories"


def plans(mutation: Mutation) -> list[Plan]:
    if mutation.history:
        return [Plan.from_json((HISTORIES / f"{mutation.history}.json").read_text())]
    return [make(seed) for seed in range(mutation.within)]


def test_what_is_put_in_a_place_can_be_called_as_what_was_there() -> None:
    """Else the bug would be a TypeError of the test's own making."""
    for mutation in MUTATIONS:
        for owner, name, replace in mutation.places:
            original = owner.__dict__[name]
            if callable(original):
                arguments = signature(original).parameters.values()
                required = [argument for argument in arguments if argument.default is Parameter.empty]
                replacement = signature(replace(original))
                for count in (len(required), len(arguments)):
                    replacement.bind(*range(count))


@pytest.mark.parametrize("mutation", [pytest.param(mutation, id=mutation.name) for mutation in MUTATIONS])
def test_a_deliberate_bug_is_caught(mutation: Mutation) -> None:
    with switched_on(mutation):
        complaints = (run(plan).broken for plan in plans(mutation))
        caught = next((complaint for complaint in complaints if complaint), "")
    # An exception of the test's own making proves nothing.
    assert caught
    assert not re.match(r"(?!BrokenPromiseError)\w+(Error|Exception): ", caught), caught


def test_the_same_seeds_are_clean_without_a_bug() -> None:
    """`test_seeds.py` runs the first of them all."""
    assert max(mutation.within for mutation in MUTATIONS) <= SEEDS


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
def test_a_history_that_once_failed_is_good(path: Path) -> None:
    result = run(Plan.from_json(path.read_text()))
    assert result.broken == ""
