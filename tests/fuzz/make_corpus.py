"""Seeds for the fuzzers: valid packets, frames, headers and topics. `python -m tests.fuzz.make_corpus` writes them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.packets import DISCONNECT, PINGREQ, connect, last_will, packet, publish, text, varint

CORPUS = Path(__file__).parent / "corpus"
EVERY_PROPERTY = (
    b"\x01\x01" b"\x02\0\0\0\x05" + b"\x03" + text("text/plain") + b"\x08" + text("reply/to") + b"\x09" + text("id")
    + b"\x23\0\x05" + b"\x26" + text("k") + text("v")
)  # fmt: skip
CONNECT_PROPERTIES = b"\x11\0\0\0\x3c\x17\x01\x19\x00\x21\0\x05\x22\0\x05\x26" + text("a") + text("b") + b"\x27\0\0\1\0"
WILL = last_will("t/w", level=5, properties=b"\x18\0\0\0\x05\x01\x00")


def frame(payload: bytes, opcode: int = 2, *, last: bool = True) -> bytes:
    return bytes([last << 7 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def seeds() -> dict[str, list[bytes]]:
    stream = b"".join(
        publish(
            "t", b"x" * n, qos=n % 3, packet_id=n + 1, level=level, properties=EVERY_PROPERTY if level == 5 else b""
        )
        for level in (4, 5)
        for n in range(4)
    )
    others = (
        packet(0x62, b"\0\3"),
        packet(0x82, b"\0\1" + text("a/#") + b"\1"),
        packet(0x82, b"\0\1\0" + text("a/#") + b"\1"),
        packet(0xA2, b"\0\1" + text("a")),
        packet(0xA2, b"\0\1\0" + text("a")),
        PINGREQ,
        DISCONNECT,
        packet(0xE0, b"\x04" + varint(5) + b"\x11\0\0\0\x05"),
        packet(0xF0, b"\x18\0"),
        packet(0x40, b"\0\1"),
    )  # fmt: skip
    whole = (connect(), connect(level=5, properties=CONNECT_PROPERTIES, will=WILL, username="u", password="p"))  # noqa: S106
    return {
        "front_end": [bytes([n]) + each for n, each in enumerate((*whole, stream, *others, b"".join(others[:6])))],
        "connect_packet": [each[2:] for each in whole],
        "property_list": [EVERY_PROPERTY, CONNECT_PROPERTIES, b"\x0b\x05", b"\x1f" + text("why"), b"\x15" + text("m")],
        "property_bag": [b"telemetry/?content-type=text%2Fplain&hono-ttl=10", b"e/t/d/?hono-ttl=x", b"/?%zz"],
        "routes": [
            b"telemetry", b"t/plant/sensor1", b"event/plant/sensor1/alarm", b"telemetry//sensor2", b"e", b"own/a/b/c",
            b"x/y", b"telemetry/other/d", b"t/../d", b"event/?hono-ttl=5", b"telemetry/plant/sensor1/?content-type=a",
        ],
        "websocket": [
            frame(connect()), frame(b"\x30", last=False) + frame(b"\x00", 0), frame(b"", 9), frame(b"\x03\xe8", 8),
            frame(b"text", 1), b"Upgrade: websocket\r\nConnection: Upgrade",
        ],
        "proxy_header": [
            b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 1883\r\nrest", b"PROXY UNKNOWN\r\n", b"PROXY TCP6 ::1 ::2 1 2\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + b"rest", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        ],
    }  # fmt: skip


def main() -> None:
    for target, values in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for value in values:
            (folder / hashlib.sha1(value, usedforsecurity=False).hexdigest()[:16]).write_bytes(value)


if __name__ == "__main__":
    main()
