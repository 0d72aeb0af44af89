"""Hono's grammar of MQTT topics, as in its user guide.

    telemetry                       the device that the credentials name
    telemetry/{tenant}/{device}     an authenticated device only for itself, a gateway for devices of its tenant
    telemetry//{device}             the same, in the tenant that the credentials name

`t` stands for `telemetry`, and `event` or `e` for events, which need QoS 1 or 2. A property bag may follow, further
levels may not. Without authentication, the topic decides which device the record belongs to: a user name
`{auth-id}@{tenant}` then only fills in what the topic leaves out, and no connection counts as a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.model import EmptyPayload, RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.routing.config import PLACEHOLDER
from adapter.routing.kafka_names import topic_problem
from adapter.routing.origin import NAMELESS, contradiction, has_control_characters, via
from adapter.routing.property_bag import seconds, split
from adapter.routing.record import Facts, build_headers
from adapter.routing.text import shown

if TYPE_CHECKING:
    from adapter.model import Identity, PublishHeader
    from adapter.routing.config import RoutingConfig

EMPTY_NOTIFICATION = "application/vnd.eclipse-hono-empty-notification"

_ALONE = 1
_WITH_DEVICE = 3


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of Hono's APIs. In the name of its Kafka topic, the tenant stands between `head` and `tail`."""

    name: str
    head: str
    tail: str
    is_event: bool


class HonoGrammar:
    """Routes topics that follow Hono's grammar, and refuses all others."""

    def __init__(self, config: RoutingConfig) -> None:
        self._auth_required = config.auth_required
        self._orig_adapter = config.adapter_name.encode()
        head, _, tail = config.telemetry_topic.partition(PLACEHOLDER)
        telemetry = Endpoint("telemetry", head, tail, is_event=False)
        head, _, tail = config.event_topic.partition(PLACEHOLDER)
        event = Endpoint("event", head, tail, is_event=True)
        self._endpoints = {"telemetry": telemetry, "t": telemetry, "event": event, "e": event}

    def endpoint(self, topic: str) -> Endpoint | None:
        """Return the API that the first level of `topic` names."""
        return self._endpoints.get(topic.partition("/")[0])

    def route(self, identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal:
        """Return the record of a PUBLISH, or a Refusal."""
        endpoint = self.endpoint(header.topic)
        if endpoint is None:
            return Refusal(
                Reason.BAD_TOPIC,
                f"no route takes the topic {shown(header.topic)}: publish to telemetry/… or event/…",
            )
        address, bag = split(header.topic)
        if isinstance(bag, Refusal):
            return bag
        origin = self._origin(identity, endpoint, address)
        if isinstance(origin, Refusal):
            return origin
        tenant, device = origin
        topic = endpoint.head + tenant + endpoint.tail
        ttl = seconds(bag.hono_ttl) if endpoint.is_event and bag.hono_ttl is not None else None
        if (refusal := _refusal(endpoint, header, tenant, topic)) is not None:
            return refusal
        facts = Facts(
            content_type=bag.content_type,
            device_id=device,
            via=via(identity, device) if self._auth_required else None,
            ttl=ttl,
        )
        return RecordTemplate(
            topic=topic,
            key=device.encode(),
            headers=build_headers(self._orig_adapter, header, facts),
            route=endpoint.name,
            empty_payload=_empty_payload(header.properties.content_type or bag.content_type),
            expiry=header.properties.message_expiry,
        )

    def _origin(self, identity: Identity, endpoint: Endpoint, address: str) -> tuple[str, str] | Refusal:
        """Return tenant and device of the record, or a Refusal."""
        levels = address.split("/", maxsplit=_WITH_DEVICE)
        name = endpoint.name
        if len(levels) == _ALONE:
            tenant = device = ""
        elif len(levels) == _WITH_DEVICE and levels[2]:
            _, tenant, device = levels
        else:
            return Refusal(
                Reason.BAD_TOPIC,
                f"{shown(address)} is none of {name}, {name}/{{tenant}}/{{device}} and {name}//{{device}}",
            )
        if self._auth_required:
            if not identity.tenant or not identity.device_id:
                return NAMELESS
            if (refusal := contradiction(identity, tenant or None, device or None)) is not None:
                return refusal
        tenant = tenant or identity.tenant or ""
        device = device or identity.device_id or ""
        if not tenant or not device:
            return Refusal(
                Reason.BAD_TOPIC, f"{shown(address)} does not say whose it is: publish to {name}/{{tenant}}/{{device}}"
            )
        if has_control_characters(device):
            return Refusal(Reason.BAD_TOPIC, f"device {shown(device)} has control characters")
        return tenant, device


def _empty_payload(content_type: str | None) -> EmptyPayload:
    """Return what a content type asks of the payload, as `isPayloadOfIndicatedType` of Hono's adapters does."""
    if not content_type:
        return EmptyPayload.REFUSED
    return EmptyPayload.REQUIRED if content_type == EMPTY_NOTIFICATION else EmptyPayload.ALLOWED


def _refusal(endpoint: Endpoint, header: PublishHeader, tenant: str, topic: str) -> Refusal | None:
    """Return why there is no record although tenant and device are known."""
    if endpoint.is_event and header.qos == 0:
        return Refusal(Reason.EVENT_QOS_0, "events must not get lost: publish them with QoS 1")
    if (problem := topic_problem(topic)) is not None:
        return Refusal(Reason.BAD_TOPIC, f"tenant {shown(tenant)}: its Kafka topic {shown(topic)} {problem}")
    return None
