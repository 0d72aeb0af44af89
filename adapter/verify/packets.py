"""Encodes the few MQTT packets that a publisher needs (3.1.1 and 5.0).

It deliberately does not use the adapter's codec: a proof must not share the mistakes of what it proves.
"""

from __future__ import annotations

from adapter.reasons import ReasonCode

CONNACK, PUBACK, PUBREC, PUBCOMP, PINGRESP, DISCONNECT_TYPE = 2, 4, 5, 7, 13, 14
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
MQTT_5 = 5
FAILED = 0x80
RECEIVE_MAXIMUM = 0x21
DEFAULT_RECEIVE_MAXIMUM = 65_535
# 5.0 section 2.2.2.2: the lengths of a CONNACK's property values in bytes; -1: UTF-8 with a two-byte length.
_LENGTHS = {0x11: 4, 0x12: -1, 0x13: 2, 0x15: -1, 0x16: -1, 0x1A: -1, 0x1C: -1, 0x1F: -1, 0x21: 2, 0x22: 2}
_LENGTHS |= {0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
_USER_PROPERTY = 0x26
# 3.1.1 section 3.2.2.3.
_RETURN_CODES = {
    1: "unacceptable protocol version",
    2: "identifier rejected",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
}


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def connect(client_id: str, level: int, keep_alive: int, username: str | None, password: str | None) -> bytes:
    """Encode a CONNECT with a clean session. `keep_alive` is in seconds."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes((level, flags)) + keep_alive.to_bytes(2, "big")
    body += b"\x00" if level == MQTT_5 else b""
    body += _text(client_id)
    body += _text(username) if username is not None else b""
    body += _text(password) if password is not None else b""
    return b"\x10" + _varint(len(body)) + body


def publish(  # noqa: PLR0913 - the parts of a packet
    topic: str, payload: bytes, qos: int, packet_id: int, level: int, *, dup: bool = False
) -> bytes:
    """Encode a PUBLISH; `packet_id` is not sent with QoS 0."""
    body = _text(topic)
    body += packet_id.to_bytes(2, "big") if qos else b""
    body += b"\x00" if level == MQTT_5 else b""
    return bytes((0x30 | (0x08 if dup else 0) | qos << 1,)) + _varint(len(body) + len(payload)) + body + payload


def pubrel(packet_id: int) -> bytes:
    """Encode a PUBREL that reports success."""
    return b"\x62\x02" + packet_id.to_bytes(2, "big")


def name_of(code: int, level: int = MQTT_5) -> str:
    """Return a return code of a 3.1.1 CONNACK, or a reason code of MQTT 5.0, with its name in the standard."""
    if level == MQTT_5:
        name = ReasonCode(code).name.replace("_", " ").lower() if code in set(ReasonCode) else ""
    else:
        name = _RETURN_CODES.get(code, "")
    return f"0x{code:02x} ({name})" if name else f"0x{code:02x}"


def receive_maximum(connack: bytes, level: int) -> int:
    """Read the server's Receive Maximum from the body of its CONNACK (5.0 section 3.2.2.3.3)."""
    if level != MQTT_5:
        return DEFAULT_RECEIVE_MAXIMUM
    at = 2
    shift = length = 0
    while True:
        byte = connack[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < FAILED:
            break
    end = at + length
    while at < end:
        kind = connack[at]
        at += 1
        if kind == RECEIVE_MAXIMUM:
            return int.from_bytes(connack[at : at + 2], "big")
        texts = 2 if kind == _USER_PROPERTY else 1
        for _ in range(texts):
            size = -1 if kind == _USER_PROPERTY else _LENGTHS[kind]
            at += 2 + int.from_bytes(connack[at : at + 2], "big") if size < 0 else size
    return DEFAULT_RECEIVE_MAXIMUM
