"""amqtt's own client: MQTT 3.1.1."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from amqtt.client import MQTTClient
from amqtt.errors import ConnectError

from tests.support.clients.talk import SECONDS, Device, Message, Told

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Client(MQTTClient):
    """Tells when the server has closed the connection."""

    def __init__(self, client_id: str, config: dict[str, Any]) -> None:
        super().__init__(client_id, config)
        self.closed = asyncio.Event()

    async def handle_connection_close(self) -> None:
        await super().handle_connection_close()
        self.closed.set()

    async def drop(self) -> None:
        """Close the socket, which amqtt leaves open when it is refused."""
        assert self._handler is not None
        assert self._handler.writer is not None
        with suppress(OSError):  # the server has closed it already
            await self._handler.writer.close()


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish."""
    assert device.level == 4
    told = Told()
    client = _Client(device.client_id, config={"auto_reconnect": False})
    credentials = "" if device.username is None else f"{quote(device.username)}:{quote(device.password or '')}@"

    async def publish(place: int, message: Message) -> None:
        await client.publish(message.topic, message.payload, message.qos, message.retain)
        if message.qos:
            told.acknowledged.append(place)

    try:
        await asyncio.wait_for(client.connect(f"mqtt://{credentials}127.0.0.1:{device.port}/"), SECONDS)
    except ConnectError as error:
        told.refused = error.return_code
        await client.drop()
        return told
    if subscribe_to is not None:
        told.granted = await client.subscribe([(subscribe_to, 1)])
    publishing = asyncio.gather(*(publish(place, one) for place, one in enumerate(messages)))
    closing = asyncio.create_task(client.closed.wait())
    either: list[asyncio.Future[Any]] = [publishing, closing]
    done, _ = await asyncio.wait(either, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    assert done, "neither PUBACKs nor an end"
    told.closed = client.closed.is_set()
    publishing.cancel()
    closing.cancel()
    await asyncio.gather(publishing, closing, return_exceptions=True)
    await client.disconnect()
    return told
