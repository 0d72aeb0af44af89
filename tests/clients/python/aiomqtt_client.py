"""aiomqtt. It connects again only when its user does; paho, which it is made of, sends again what was under way."""

from __future__ import annotations

import asyncio
import math
import ssl

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.clients.python import contract

VERSIONS = {4: aiomqtt.ProtocolVersion.V311, 5: aiomqtt.ProtocolVersion.V5}


def client_of(options: contract.Options) -> aiomqtt.Client:
    """A client as the command line wants it."""
    of_5 = options.level == 5
    properties = None
    if of_5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has gaps in its types
        properties.SessionExpiryInterval = contract.HOUR if options.keep else 0
    return aiomqtt.Client(
        options.host,
        options.port,
        identifier=options.client_id,
        protocol=VERSIONS[options.level],
        username=options.user,
        password=options.password,
        will=None if options.will is None else aiomqtt.Will(options.will, contract.WILL, 1),
        clean_session=None if of_5 else not options.keep,
        properties=properties,
        transport="websockets" if options.websocket else "tcp",
        websocket_path=options.path if options.websocket else None,
        tls_context=None if options.ca is None else ssl.create_default_context(cafile=options.ca),
        timeout=contract.HOUR,
        max_inflight_messages=100,
    )


async def main() -> None:
    """Publish."""
    client = client_of(contract.options())
    online = asyncio.Event()

    async def publish(message: contract.Message) -> None:
        await client.publish(message.topic, message.payload, message.qos, timeout=math.inf)
        if message.qos:
            contract.acked(message.place)

    async def publish_all() -> None:
        publishing = []
        async for message in contract.messages_as_they_come():
            await online.wait()
            publishing.append(asyncio.create_task(publish(message)))
        await asyncio.gather(*publishing)

    work = asyncio.create_task(publish_all())
    while not work.done():
        try:
            async with client:
                contract.connected()
                online.set()
                listening = asyncio.create_task(_listen(client))
                await asyncio.wait([work, listening], return_when=asyncio.FIRST_COMPLETED)
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
        except aiomqtt.MqttConnectError:
            raise
        except aiomqtt.MqttError:
            await asyncio.sleep(0.5)
        online.clear()
    await work


async def _listen(client: aiomqtt.Client) -> None:
    """Return when the connection has ended, which a publish does not notice."""
    try:
        async for _ in client.messages:
            pass
    except aiomqtt.MqttError:
        pass


if __name__ == "__main__":
    asyncio.run(main())
