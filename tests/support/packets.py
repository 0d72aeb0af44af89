"""MQTT packets as bytes, made by hand for tests: nothing of the product's codec is used."""

from __future__ import annotations


def varint(value: int) -> bytes:
    out = b""
    while True:
        value, digit = divmod(value, 128)
        out += bytes([digit | (0x80 if value else 0)])
        if not value:
            return out


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + varint(len(body)) + body


def connect(  # noqa: PLR0913 - a packet has these parts
    client_id: str = "c1",
    *,
    level: int = 4,
    clean: bool = True,
    keep_alive: int = 60,
    username: str | None = None,
    password: str | None = None,
    properties: bytes = b"",
    flags: int = 0,
    will: bytes = b"",
) -> bytes:
    """A CONNECT; for `will` see `last_will`."""
    if will:
        flags |= 0x04 | will[0]
    flags |= (2 if clean else 0) | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = text("MQTT") + bytes([level, flags]) + keep_alive.to_bytes(2, "big")
    if level == 5:
        body += varint(len(properties)) + properties
    body += text(client_id) + will[1:]
    if username is not None:
        body += text(username)
    if password is not None:
        body += text(password)
    return packet(0x10, body)


def last_will(  # noqa: PLR0913 - a Will has these parts
    topic: str | bytes,
    payload: bytes = b"gone",
    *,
    qos: int = 1,
    retain: bool = False,
    level: int = 4,
    properties: bytes = b"",
) -> bytes:
    """The flags of a Will, and behind them what stands of it in the payload of a CONNECT."""
    body = varint(len(properties)) + properties if level == 5 else b""
    return bytes([qos << 3 | (0x20 if retain else 0)]) + body + text(topic) + text(payload)


def publish(  # noqa: PLR0913 - a packet has these parts
    topic: str | bytes,
    payload: bytes = b"x",
    *,
    qos: int = 1,
    packet_id: int = 1,
    level: int = 4,
    properties: bytes = b"",
    dup: bool = False,
    retain: bool = False,
) -> bytes:
    body = text(topic)
    if qos:
        body += packet_id.to_bytes(2, "big")
    if level == 5:
        body += varint(len(properties)) + properties
    return packet(0x30 | (8 if dup else 0) | qos << 1 | (1 if retain else 0), body + payload)


def puback(packet_id: int) -> bytes:
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
DISCONNECT = b"\xe0\x00"
CONNACK_OK = b"\x20\x02\x00\x00"
