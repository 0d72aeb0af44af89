"""gmqtt. Its storage of messages without PUBACK is where one sees the PUBACKs come; it does not tell reason codes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gmqtt import Client
from gmqtt.client import Message as GmqttMessage
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError
from gmqtt.storage import PersistentStorage

from tests.support.clients.talk import SECONDS, Device, Message, Properties, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSIONS = {4: MQTTv311, 5: MQTTv50}


class _Storage(PersistentStorage):  # type: ignore[misc] # gmqtt has no types
    """Notes the order in which messages come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.pushed: list[int] = []
        self.removed: list[int] = []

    def push_message(self, mid: int, raw_package: bytes) -> None:
        self.pushed.append(mid)
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        self.removed.append(mid)
        super().remove_message_by_mid(mid)


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish."""
    told = Told()
    storage = _Storage()
    subscribed = asyncio.Event()
    closed = asyncio.Event()

    def on_subscribe(_: Client, __: int, codes: Sequence[int], ___: Any) -> None:
        told.granted = list(codes)
        subscribed.set()

    def on_disconnect(*_: object) -> None:
        closed.set()

    client = Client(device.client_id, clean_session=True, persistent_storage=storage)
    client.set_config({"reconnect_retries": 0})
    client.on_subscribe = on_subscribe
    client.on_disconnect = on_disconnect
    if device.username is not None:
        client.set_auth_credentials(device.username, device.password)
    try:
        await asyncio.wait_for(client.connect("127.0.0.1", device.port, version=VERSIONS[device.level]), SECONDS)
    except MQTTConnectError as error:
        told.refused = error._code
        await client.disconnect()
        return told
    if subscribe_to is not None:
        client.subscribe(subscribe_to, qos=1)
        await asyncio.wait_for(subscribed.wait(), SECONDS)
    for one in messages:
        client.publish(GmqttMessage(one.topic, one.payload, one.qos, one.retain, **_keywords(one.properties)))
    waiting = [asyncio.create_task(storage.wait_empty()), asyncio.create_task(closed.wait())]
    done, rest = await asyncio.wait(waiting, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    assert done, "neither PUBACKs nor an end"
    for task in rest:
        task.cancel()
    told.closed = closed.is_set()
    await client.disconnect()
    with_puback = [place for place, one in enumerate(messages) if one.qos]
    places = dict(zip(storage.pushed, with_puback, strict=True))
    told.acknowledged = [places[mid] for mid in storage.removed]
    return told


def _keywords(properties: Properties | None) -> dict[str, Any]:
    if properties is None:
        return {}
    return {
        "content_type": properties.content_type,
        "response_topic": properties.response_topic,
        "correlation_data": properties.correlation_data,
        "message_expiry_interval": properties.expiry,
        "user_property": list(properties.user_properties),
    }
