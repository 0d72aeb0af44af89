"""The headers of a record. Strings are raw UTF-8, everything else is JSON text.

Where a record has several headers of one name, consumers differ in which one they read: Hono's `KafkaRecordHelper`
takes the first, the property map of its application client the last, as Kafka's `Headers.lastHeader` does. So a name
that is reserved for the adapter appears at most once, and a user property with that name is left out, whether or not
this record has the header. Otherwise a device could pass for another one with a user property `device_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapter.model import Header, PublishHeader

DEFAULT_CONTENT_TYPE = "application/octet-stream"

# Names that no device and no route can use. The adapter itself does not write `gateway_id`, `status`, `tenant_id` and
# `ttd`, but Hono's client gives them a meaning: with a `ttd` of -1 it believes that the device waits for commands.
RESERVED = frozenset(
    {
        "content-type",
        "correlation-id",
        "creation-time",
        "dead-letter-reason",
        "dead-letter-tenant",
        "dead-letter-text",
        "dead-letter-topic",
        "device_id",
        "gateway_id",
        "mqtt-will",
        "orig_adapter",
        "orig_address",
        "qos",
        "response-topic",
        "status",
        "tenant_id",
        "ttd",
        "ttl",
        "via",
        "x-opt-retain",
    }
)

_QOS = (b"0", b"1", b"2")


@dataclass(frozen=True, slots=True)
class Facts:
    """What routing knows about a message, for its headers. `ttl` is in seconds; a field is None if it does not apply.

    `extra` are the headers that a route of the routes file adds.
    """

    content_type: str | None = None
    device_id: str | None = None
    via: str | None = None
    ttl: int | None = None
    extra: tuple[Header, ...] = ()


def build_headers(orig_adapter: bytes, publish: PublishHeader, facts: Facts) -> tuple[Header, ...]:
    """Return the headers of a record, all but `creation-time`. Properties of MQTT 5.0 take precedence over `facts`."""
    properties = publish.properties
    content_type = properties.content_type or facts.content_type or DEFAULT_CONTENT_TYPE
    headers: list[Header] = [("content-type", content_type.encode())]
    if facts.device_id is not None:
        headers.append(("device_id", facts.device_id.encode()))
    headers += (
        ("orig_adapter", orig_adapter),
        ("orig_address", publish.topic.encode()),
        ("qos", _QOS[publish.qos]),
    )
    ttl = facts.ttl if properties.message_expiry is None else properties.message_expiry
    if ttl is not None:
        headers.append(("ttl", b"%d" % (ttl * 1000)))
    if publish.retain:
        headers.append(("x-opt-retain", b"true"))
    if facts.via is not None:
        headers.append(("via", facts.via.encode()))
    if properties.correlation_data is not None:
        headers.append(("correlation-id", properties.correlation_data))
    if properties.response_topic is not None:
        headers.append(("response-topic", properties.response_topic.encode()))
    headers += facts.extra
    if properties.user_properties:
        taken = RESERVED.union(name for name, _ in facts.extra) if facts.extra else RESERVED
        # Their order is kept, and a name may appear more than once [MQTT-3.3.2-18].
        headers += ((name, value.encode()) for name, value in properties.user_properties if name not in taken)
    return tuple(headers)
