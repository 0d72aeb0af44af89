"""What aiokafka's connections make of a transport that uvloop has closed."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import adapter.kafka.generation  # noqa: F401 - whoever writes to Kafka imports it, and with it the guard


class ClosedWriter:
    """As uvloop's, after a reset."""

    def write(self, _data: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        """Nothing is left to close."""


class Done:
    def done(self) -> bool:
        return True


@pytest.fixture
async def connection() -> Any:
    reasons: list[CloseReason] = []
    connection: Any = AIOKafkaConnection("broker", 9092, on_close=lambda _, reason: reasons.append(reason))
    connection._reader = object()
    connection._writer = ClosedWriter()
    connection._read_task = Done()
    connection._versions = {3: (0, 5)}
    connection.reasons = reasons
    return connection


async def test_a_request_on_a_connection_that_was_just_reset_finds_it_lost(connection: Any) -> None:
    with pytest.raises(KafkaConnectionError, match="broker:9092 broken"):
        connection.send(MetadataRequest([]))
    assert connection.reasons == [CloseReason.CONNECTION_BROKEN]
    assert not connection.connected()


async def test_so_does_a_login(connection: Any) -> None:
    with pytest.raises(KafkaConnectionError, match="broker:9092 broken"):
        connection._send_sasl_token(b"user")
    assert connection.reasons == [CloseReason.CONNECTION_BROKEN]
