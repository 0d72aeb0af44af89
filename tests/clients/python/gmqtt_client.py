"""gmqtt. Its storage of messages on their way is where one sees acknowledgements come."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from gmqtt import Client
from gmqtt import Message as GmqttMessage
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.storage import PersistentStorage

from tests.clients.python import contract

VERSIONS = {4: MQTTv311, 5: MQTTv50}


class _Storage(PersistentStorage):  # type: ignore[misc] # gmqtt has no types
    """Knows which message has which packet identifier; a PUBREL replaces its message under the same."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[int, int] = {}
        self.next = 0

    def push_message(self, mid: int, raw_package: bytes) -> None:
        self._places.setdefault(mid, self.next)
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        contract.acked(self._places.pop(mid))
        super().remove_message_by_mid(mid)


def on_connect(*_: object) -> None:
    """At every CONNACK."""
    contract.connected()


async def main() -> None:
    """Publish."""
    options = contract.options()
    storage = _Storage()
    properties: dict[str, Any] = {}
    if options.level == 5 and options.keep:
        properties["session_expiry_interval"] = contract.HOUR
    if options.will is not None:
        properties["will_message"] = GmqttMessage(options.will, contract.WILL, qos=1)
    client = Client(options.client_id, clean_session=not options.keep, persistent_storage=storage, **properties)
    client.set_config({"reconnect_retries": -1, "reconnect_delay": 0.5})
    client.on_connect = on_connect
    if options.user is not None:
        client.set_auth_credentials(options.user, options.password)
    tls = False if options.ca is None else ssl.create_default_context(cafile=options.ca)
    await client.connect(options.host, options.port, ssl=tls, version=VERSIONS[options.level])
    async for message in contract.messages_as_they_come():
        storage.next = message.place
        client.publish(GmqttMessage(message.topic, message.payload, message.qos))
    await storage.wait_empty()
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
