"""`adapter.kafka.aiokafka_internals`: aiokafka still has the private attributes that the adapter relies on."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, errors
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from aiokafka.structs import TopicPartition

from adapter.kafka.aiokafka_internals import (
    client_of,
    connection_to,
    encoded_length,
    fail_everything,
    set_sender_client,
    versions_of,
)

BROKER = 7


async def test_a_consumer_has_a_client() -> None:
    consumer = AIOKafkaConsumer()
    assert isinstance(client_of(consumer), AIOKafkaClient)
    await consumer.stop()


async def test_a_connection_knows_the_versions_that_its_broker_supports() -> None:
    connection = AIOKafkaConnection("localhost", 9092)
    connection._versions = {3: (0, 13)}
    assert versions_of(connection) == {3: (0, 13)}


async def test_a_client_keeps_its_connections_by_broker_and_purpose() -> None:
    client = AIOKafkaClient()
    assert connection_to(client, BROKER) is None
    kept = client._conns[BROKER, ConnectionGroup.DEFAULT] = AIOKafkaConnection("localhost", 9092)
    client._conns[BROKER, ConnectionGroup.COORDINATION] = AIOKafkaConnection("localhost", 9092)
    assert connection_to(client, BROKER) is kept
    client._conns.clear()


async def test_a_producer_fails_what_has_no_answer_and_sends_no_more() -> None:
    producer = AIOKafkaProducer()
    sender = producer._sender._sender_task = asyncio.create_task(asyncio.sleep(60))
    assert producer._sender.sender_task is sender
    builder = producer.create_batch()
    builder.append(timestamp=1, key=None, value=b"x", headers=[])
    builder.close()
    answer = await producer._message_accumulator.add_batch(builder, TopicPartition("t", 0), 1)
    fail_everything(producer)
    with pytest.raises(errors.ProducerClosed):
        await answer
    await asyncio.wait((sender,))
    assert sender.cancelled()
    await producer.client.close()
    producer._closed = True


async def test_a_finished_batch_tells_its_compressed_size() -> None:
    producer = AIOKafkaProducer(compression_type="gzip")
    builder = producer.create_batch()
    builder.append(timestamp=1, key=None, value=b"x" * 10_000, headers=[])
    assert encoded_length(builder) == builder.size() < 1000
    await producer.client.close()
    producer._closed = True


async def test_a_sender_has_a_client_of_its_own() -> None:
    producer = AIOKafkaProducer()
    set_sender_client(producer, lambda client, accumulator: (client, accumulator))
    assert producer._sender.client == (producer.client, producer._message_accumulator)
    await producer.client.close()
    producer._closed = True
