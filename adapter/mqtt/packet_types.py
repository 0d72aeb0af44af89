"""Packet types and the flags that each must carry (3.1.1 section 2.2.2, 5.0 section 2.1.3)."""

from enum import IntEnum


class PacketType(IntEnum):
    """The high four bits of the first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


# The low four bits of every type but PUBLISH [MQTT-2.2.2-1, 5.0: 2.1.3-1].
FIXED_FLAGS: dict[int, int] = {
    kind: 0b0010 if kind in (PacketType.PUBREL, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE) else 0
    for kind in PacketType
    if kind is not PacketType.PUBLISH
}
