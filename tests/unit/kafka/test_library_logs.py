"""aiokafka writes keys and values at DEBUG; nobody gets to see them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from adapter.kafka.embedded import EmbeddedKafka
from adapter.kafka.options import KafkaOptions
from adapter.kafka.producer import Producer
from tests.support.batches import make_batch, send

if TYPE_CHECKING:
    import pytest


async def test_no_key_and_no_value_is_logged_whatever_the_level(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    embedded = EmbeddedKafka()
    producer = Producer(KafkaOptions(await embedded.start()))
    try:
        await embedded.create_topic("plant")
        await producer.start()
        assert await send(producer, make_batch("plant", 0, [b"a-secret-value"], key=b"a-secret-key")) is None
        await asyncio.sleep(0)
    finally:
        await producer.stop(1.0)
        await embedded.stop()
        root.setLevel(level)
    assert "a-secret" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("aiokafka")]


def test_every_logger_of_aiokafka_stays_at_warning() -> None:
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "aiokafka"]
    assert len(names) > 5
    assert {logging.WARNING} == {logging.getLogger(name).getEffectiveLevel() for name in names}
