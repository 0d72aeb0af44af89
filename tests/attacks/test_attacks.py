"""Some of the attacks, in short: nothing of the honest is lost, reordered or closed. `make attacks` measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.__main__ import Siege
from tests.attacks.attacks import ATTACKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

SHORT = (
    "takeover ping-pong",
    "wrong passwords",
    "slowloris: PUBLISH byte by byte",
    "devices that never read what they are answered",
    "ever new topics",
    "property bombs",
    "text that is not UTF-8",
    "topics with wildcards, of $SYS, and aimed at Kafka's names",
    "log injection by client identifier",
    "PUBREL flood",
    "WebSocket frames that bring nothing, before CONNECT",
    "PUBLISH with a thousand user properties",
    "passwords tried from one address, while devices of others come",
    "random bytes",
    "WebSocket oddities",
)


@pytest.fixture
def siege(own_kafka: KafkaBroker, tmp_path: Path) -> Iterator[Siege]:
    siege = Siege(own_kafka, tmp_path, pace=200.0, seconds=1.0)
    yield siege
    siege.close()


def test_honest_devices_are_served_whatever_others_do(siege: Siege) -> None:
    siege.rest(0.5)
    rows = [siege.play(ATTACKS[name]) for name in SHORT]
    assert [(row.name, row.broken) for row in rows if row.broken] == []
    verdict, difference = siege.judged()
    assert verdict.good, verdict
    assert verdict.acknowledged > 500
    assert difference == 0
    assert siege.adapter.stop() == 0
