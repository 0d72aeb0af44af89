"""What devices publish: their name, the message's number, and some bytes."""

from __future__ import annotations

POISON = b"!"


def payload(device: str, number: int, size: int, *, poison: bool) -> bytes:
    return b"%s %d %s" % (device.encode(), number, POISON if poison else b"") + b"." * size


def name_of(value: bytes) -> tuple[str, int]:
    device, number, _ = value.split(b" ", 2)
    return device.decode(), int(number)


def is_poison(value: bytes) -> bool:
    return value.split(b" ", 2)[2][:1] == POISON
