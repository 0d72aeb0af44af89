"""What a test asks of any MQTT client, and what the client knows afterwards. One file beside this one for each client.

Each has a coroutine `talk(device, messages, subscribe_to)`: connect; subscribe if asked to; publish all without
waiting between them; when each QoS 1 message has its PUBACK, or the connection is closed, disconnect.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Device:
    """Who connects; `level` is 4 (MQTT 3.1.1) or 5."""

    port: int
    level: int
    client_id: str
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Properties:
    """PUBLISH properties of MQTT 5.0; expiry in seconds."""

    content_type: str
    response_topic: str
    correlation_data: bytes
    expiry: int
    user_properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What is published."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    properties: Properties | None = None


@dataclass(slots=True)
class Told:
    """What the client knows.

    `acknowledged`: the places of the QoS 1 messages in the order of their PUBACKs. `codes`: their reason codes, for
    clients that tell them. `granted`: the codes of the SUBACK. `refused`: the code of a CONNACK that refuses.
    `closed`: whether the server closed the connection.
    """

    acknowledged: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    granted: list[int] = field(default_factory=list)
    refused: int | None = None
    closed: bool = False


Talk = Callable[[Device, Sequence[Message], str | None], Coroutine[None, None, Told]]
