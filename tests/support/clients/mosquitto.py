"""mosquitto_pub and mosquitto_sub. Their debugging output says what the server answered."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from tests.support.clients.talk import SECONDS, Device, Message, Properties, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBACK = re.compile(r"received PUBACK \(Mid: (\d+), RC:(\d+)\)")
PUBLISH = re.compile(r"sending PUBLISH \(d0, q1, r\d, m(\d+),")
SUBACK = re.compile(r"Subscribed \(mid: \d+\): ([\d, ]+)")
CONNACK = re.compile(r"received CONNACK \((\d+)\)")
LOST = re.compile(r"connection was lost|received DISCONNECT")


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish; the messages differ in their payloads only, and are lines of text when there are several."""
    told = Told()
    if subscribe_to is not None:
        said = await _run("mosquitto_sub", device, ["-t", subscribe_to, "-E"])
        if subscribed := SUBACK.search(said):
            told.granted = [int(code) for code in subscribed[1].split(", ")]
    first = messages[0]
    assert all((one.topic, one.qos, one.retain, one.properties) == _head(first) for one in messages)
    options = ["-t", first.topic, "-q", str(first.qos), *(["-r"] if first.retain else []), *_options(first.properties)]
    if len(messages) == 1:
        said = await _run("mosquitto_pub", device, [*options, "-s"], first.payload)
    else:
        said = await _run("mosquitto_pub", device, [*options, "-l"], b"".join(one.payload + b"\n" for one in messages))
    places = {mid: place for place, mid in enumerate(PUBLISH.findall(said))}
    told.acknowledged = [places[mid] for mid, _ in PUBACK.findall(said)]
    told.codes = [int(code) for _, code in PUBACK.findall(said)]
    if (connack := CONNACK.search(said)) and connack[1] != "0":
        told.refused = int(connack[1])
    told.closed = LOST.search(said) is not None
    return told


def _head(message: Message) -> tuple[str, int, bool, Properties | None]:
    return message.topic, message.qos, message.retain, message.properties


def _options(properties: Properties | None) -> list[str]:
    if properties is None:
        return []
    listed = [
        ["content-type", properties.content_type],
        ["response-topic", properties.response_topic],
        ["correlation-data", properties.correlation_data.decode()],
        ["message-expiry-interval", str(properties.expiry)],
        *(["user-property", name, value] for name, value in properties.user_properties),
    ]
    return [word for words in listed for word in ("-D", "publish", *words)]


async def _run(program: str, device: Device, options: list[str], lines: bytes = b"") -> str:
    version = {4: "mqttv311", 5: "mqttv5"}[device.level]
    credentials = [] if device.username is None else ["-u", device.username]
    credentials += [] if device.password is None else ["-P", device.password]
    process = await asyncio.create_subprocess_exec(
        program,
        *("-h", "127.0.0.1", "-p", str(device.port), "-V", version, "-i", device.client_id, "-d"),
        *credentials,
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(lines), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return said.decode()
