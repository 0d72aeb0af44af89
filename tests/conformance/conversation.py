"""Conversations in bytes with the front end: packets by hand in, packets out, without the product's codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.front_end import World
from tests.support.packets import connect

if TYPE_CHECKING:
    from tests.support.front_end import Device

CONNACK, PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 4, 5, 7, 9, 11, 13, 14
MALFORMED, PROTOCOL_ERROR = 0x81, 0x82


@dataclass(frozen=True, slots=True)
class Packet:
    """One that the server sent."""

    kind: int
    flags: int
    body: bytes


def packets(data: bytes) -> list[Packet]:
    """What a stream of bytes consists of."""
    found = []
    while data:
        length = shift = 0
        start = 1
        while True:
            length |= (data[start] & 0x7F) << shift
            shift += 7
            start += 1
            if data[start - 1] < 0x80:
                break
        assert len(data) >= start + length, "half a packet"
        found.append(Packet(data[0] >> 4, data[0] & 0x0F, data[start : start + length]))
        data = data[start + length :]
    return found


class Conversation:
    """A device that is connected, unless `hello` says otherwise; Kafka answers when it is asked to."""

    def __init__(self, level: int, hello: bytes | None = None, *, world: World | None = None) -> None:
        self.level = level
        self.world = world or World()
        self.device: Device = self.world.accept()
        self.device.send(connect(level=level) if hello is None else hello)
        [self.connack] = packets(self.device.wire.take())
        assert self.connack.kind == CONNACK
        assert self.connack.body[1] == 0

    def say(self, *sent: bytes) -> list[Packet]:
        """Send packets; returns what was answered at once."""
        self.device.send(*sent)
        return packets(self.device.wire.take())

    def say_and_wait(self, *sent: bytes) -> list[Packet]:
        """The same, and Kafka takes everything."""
        self.device.send(*sent)
        self.world.answer_all()
        return packets(self.device.wire.take())

    @property
    def closed(self) -> bool:
        """Whether the server has closed the connection."""
        return self.device.wire.closed

    @property
    def records(self) -> list[bytes]:
        """The payloads that Kafka has."""
        return [payload for log in self.world.kafka.log.values() for payload in log]


def ends(level: int, *sent: bytes, code: int) -> bool:
    """Whether a connected device is closed for what it sent, and a 5.0 device is told this reason, and no other."""
    conversation = Conversation(level)
    answer = conversation.say(*sent)
    told = [Packet(DISCONNECT, 0, answer[0].body)] if level == 5 and answer else []
    return (
        conversation.closed
        and answer == told
        and (level == 4 or (len(answer) == 1 and answer[0].body[0] == code))
        and not conversation.records
    )


def is_refused(hello: bytes, *, code: int | None) -> bool:
    """Whether a CONNECT is answered with this code and no session (None: not answered), and the connection closed."""
    world = World()
    device = world.accept()
    device.send(hello)
    answer = packets(device.wire.take())
    if not device.wire.closed:
        return False
    if code is None:
        return answer == []
    return len(answer) == 1 and answer[0].kind == CONNACK and answer[0].body[:2] == bytes([0, code])
