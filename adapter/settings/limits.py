"""The settings that say what one peer may take of the adapter."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adapter.settings import kinds  # noqa: TC001 - pydantic reads it
from adapter.settings.parts import MQTT_LARGEST_PACKET, Part

MAX_USER_PROPERTIES = 1000  # adapter/mqtt/properties.py reads no more


class LimitSettings(Part):
    """Sizes in bytes, times in seconds. What is counted per address is off: a fleet may stand behind one address."""

    unauthenticated: kinds.Positive = Field(
        default=10_000,
        description="Connections that are not let in yet: handshakes, no CONNECT so far, credentials being checked. "
        "One more is closed at once.",
    )
    unauthenticated_bytes: kinds.Positive = Field(
        default=67_108_864, description="What these may have sent and the adapter has to hold, all together."
    )
    connections_per_address: kinds.OptionalPositive = Field(
        default=None,
        description="Connections from one address at a time (of IPv6: one /64); one more is closed at once. Empty: "
        "any number, for a fleet may stand behind one address.",
    )
    connects_per_second: kinds.OptionalRate = Field(
        default=None,
        description="CONNECT packets a second; one more is refused with 0x03 (3.1.1) or 0x9F (5.0). Empty: any number.",
    )
    connects_per_second_per_address: kinds.OptionalRate = Field(
        default=None, description="The same for one address (of IPv6: one /64)."
    )
    refusal_delay: kinds.Seconds = Field(
        default=5.0,
        description="How long the answer to wrong credentials waits at most: from the fourth of an address within a "
        "minute on, 0.1 s and twice as long with each. Right ones never wait. 0: never.",
    )
    connect_size: Annotated[int, Field(ge=128, le=MQTT_LARGEST_PACKET)] = Field(
        default=98_304,
        description="Largest CONNECT taken, its Will included: until then nobody knows who it is. One of its five "
        "fields may be as long as MQTT allows.",
    )
    packet_seconds: kinds.PositiveSeconds = Field(
        default=60.0, description="From the first byte of a packet to its last; a slower device is closed."
    )
    slow_reader_seconds: kinds.PositiveSeconds = Field(
        default=60.0,
        description="How long a device may leave its PUBACKs unread, when they fill its socket; it is not read "
        "meanwhile, and closed then.",
    )
    bytes_per_second: kinds.OptionalPositive = Field(
        default=None,
        description="Bytes a second of one connection, and a second's worth at once; beyond it the connection is not "
        "read for a while. Empty: any number.",
    )
    topic_levels: kinds.Positive = Field(default=128, description="Most levels of a topic name.")
    user_properties: Annotated[int, Field(ge=0, le=MAX_USER_PROPERTIES)] = Field(
        default=100,
        description="Most user properties of one packet (MQTT 5.0). A message with more is refused; with more than "
        "1000 the connection is closed.",
    )
