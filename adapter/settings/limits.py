"""The settings that limit how much of the adapter a single peer may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from adapter.settings import kinds  # noqa: TC001 - pydantic reads it
from adapter.settings.parts import MQTT_LARGEST_PACKET, Part

MAX_USER_PROPERTIES = 1000  # adapter/mqtt/properties.py closes the connection beyond this


class LimitSettings(Part):
    """Sizes in bytes, times in seconds. Limits per address default to off: a fleet may share one address."""

    unauthenticated: kinds.Positive = Field(
        default=10_000,
        description="Connections before their CONNACK: in a handshake, before their CONNECT, or while their "
        "credentials are checked. One more is closed at once.",
    )
    unauthenticated_bytes: kinds.Positive = Field(
        default=67_108_864, description="Bytes that the adapter buffers for all of these connections together."
    )
    connections_per_address: kinds.OptionalPositive = Field(
        default=None,
        description="Simultaneous connections from one address (IPv6: one /64); one more is closed at once. Empty: "
        "no limit, because a fleet may share one address.",
    )
    connects_per_second: kinds.OptionalRate = Field(
        default=None,
        description="CONNECT packets per second; one more is refused with 0x03 (3.1.1) or 0x9F (5.0). Empty: no limit.",
    )
    connects_per_second_per_address: kinds.OptionalRate = Field(
        default=None, description="The same for one address (IPv6: one /64)."
    )
    refusal_delay: kinds.Seconds = Field(
        default=5.0,
        description="Longest delay of the answer to wrong credentials, seconds. It starts at 0.1 s with the fourth "
        "failure of an address within a minute and doubles with each. Correct credentials are never delayed. 0: off.",
    )
    connect_size: Annotated[int, Field(ge=128, le=MQTT_LARGEST_PACKET)] = Field(
        default=98_304,
        description="Largest CONNECT packet accepted, including its Will, bytes. It limits what an unauthenticated "
        "device can send; its Will payload or its password may have MQTT's full length.",
    )
    packet_seconds: kinds.PositiveSeconds = Field(
        default=60.0,
        description="Seconds from the first byte of a packet to its last; a slower connection is closed.",
    )
    slow_reader_seconds: kinds.PositiveSeconds = Field(
        default=60.0,
        description="Seconds that a device may leave its PUBACKs unread once they fill its socket. Until then the "
        "adapter stops reading from it; afterwards the connection is closed.",
    )
    bytes_per_second: kinds.OptionalPositive = Field(
        default=None,
        description="Bytes per second of one connection, with bursts of one second's worth; beyond it the adapter "
        "stops reading from it for a while. Empty: no limit.",
    )
    topic_levels: kinds.Positive = Field(default=128, description="Maximum number of levels in a topic name.")
    user_properties: Annotated[int, Field(ge=0, le=MAX_USER_PROPERTIES)] = Field(
        default=100,
        description="Maximum number of user properties in one packet (MQTT 5.0). A message with more is refused; with "
        "more than 1000 the connection is closed.",
    )
