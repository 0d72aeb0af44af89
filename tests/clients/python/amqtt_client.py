"""amqtt's own client. What it has under way when the connection ends it forgets: whoever published does it again."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

from amqtt.client import MQTTClient

from tests.clients.python import contract


class _Client(MQTTClient):
    """Tells of every connection."""

    async def _do_connect(self) -> int:
        code = await super()._do_connect()
        contract.connected()
        return code


async def publish(client: MQTTClient, message: contract.Message) -> None:
    """Until it is acknowledged: amqtt gives up after five seconds, and when its connection ends (AttributeError)."""
    while True:
        try:
            await client.publish(message.topic, message.payload, message.qos)
        except (asyncio.CancelledError, AttributeError, OSError, TimeoutError):
            continue
        break
    if message.qos:
        contract.acked(message.place)


async def main() -> None:
    """Publish."""
    options = contract.options()
    config: dict[str, Any] = {
        "auto_reconnect": True,
        "reconnect_retries": -1,
        "reconnect_max_interval": 1,
        "cleansession": not options.keep,
    }
    if options.will is not None:
        config["will"] = {"topic": options.will, "message": contract.WILL.decode(), "qos": 1, "retain": False}
    client = _Client(options.client_id, config)
    url = options.url
    if options.user is not None:
        credentials = f"{quote(options.user, safe='')}:{quote(options.password or '', safe='')}@"
        url = urlsplit(url)._replace(netloc=f"{credentials}{options.host}:{options.port}").geturl()
    await client.connect(url, cafile=options.ca)
    publishing = [asyncio.create_task(publish(client, message)) async for message in contract.messages_as_they_come()]
    await asyncio.gather(*publishing)
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
