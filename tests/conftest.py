"""What all tests share: the real broker, started when the first test asks for it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.kafka_broker import KafkaBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A shared machine of two cores: how long an example takes says nothing.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """One broker for all tests that leave it running."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[KafkaBroker]:
    """A broker that the test may freeze, kill and restart."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other test uses."""
    return lambda stem: f"{stem}{next(_numbers)}"
