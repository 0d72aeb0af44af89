"""MQTT.js, driven by `tests/clients/node/talk.mjs`: JSON on its standard input and output."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.support.clients.talk import SECONDS, Device, Message, Told
from tests.support.kafka_dist import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = ROOT / "tests" / "clients" / "node" / "talk.mjs"


async def talk(device: Device, messages: Sequence[Message], subscribe_to: str | None) -> Told:
    """Publish."""
    task = {"device": asdict(device), "messages": [_message(one) for one in messages], "subscribeTo": subscribe_to}
    process = await asyncio.create_subprocess_exec(
        "node",
        str(SCRIPT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answer, errors = await asyncio.wait_for(process.communicate(json.dumps(task).encode()), SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode()
    return Told(**json.loads(answer))


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "topic": message.topic,
        "payload": b64encode(message.payload).decode(),
        "options": {"qos": message.qos, "retain": message.retain},
    }
    if message.properties is not None:
        properties = message.properties
        several: dict[str, list[str]] = {}
        for name, value in properties.user_properties:
            several.setdefault(name, []).append(value)
        fields["correlationData"] = b64encode(properties.correlation_data).decode()
        fields["options"]["properties"] = {
            "contentType": properties.content_type,
            "responseTopic": properties.response_topic,
            "messageExpiryInterval": properties.expiry,
            "userProperties": several,
        }
    return fields
