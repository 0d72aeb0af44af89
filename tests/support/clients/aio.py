"""aiomqtt. It does not tell reason codes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from tests.support.clients.paho import connack_code, publish_properties
from tests.support.clients.talk import SECONDS, Device, Message, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = {4: aiomqtt.ProtocolVersion.V311, 5: aiomqtt.ProtocolVersion.V5}


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish."""
    told = Told()
    client = aiomqtt.Client(
        "127.0.0.1",
        device.port,
        identifier=device.client_id,
        protocol=VERSIONS[device.level],
        username=device.username,
        password=device.password,
        timeout=SECONDS,
        max_inflight_messages=len(messages),
    )

    async def publish(place: int, message: Message) -> None:
        properties = publish_properties(message.properties)
        await client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if message.qos:
            told.acknowledged.append(place)

    try:
        async with client:
            if subscribe_to is not None:
                codes = await client.subscribe(subscribe_to, 1)
                told.granted = [code if isinstance(code, int) else code.value for code in codes]
            publishing = asyncio.gather(*(publish(place, one) for place, one in enumerate(messages)))
            listening = asyncio.create_task(_listen(client))  # a publish does not notice that the connection has ended
            either: list[asyncio.Future[Any]] = [publishing, listening]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            told.closed = listening.done()
            publishing.cancel()
            listening.cancel()
            await asyncio.gather(publishing, listening, return_exceptions=True)
    except MqttConnectError as error:
        told.refused = connack_code(error.rc, device.level)
    except aiomqtt.MqttError:
        assert told.closed
    return told


async def _listen(client: aiomqtt.Client) -> None:
    """Return when the connection has ended."""
    with suppress(aiomqtt.MqttError):
        async for _ in client.messages:
            pass
