"""Applies the routes of the routes file to a PUBLISH: the first whose filter matches makes the record or refuses it.

Topics of routes have no property bag. The header `device_id` is what the filter captured as `{device}`, else the
authenticated device, else left out. No capture can lead a message into one of Hono's Kafka topics. Only the operator's
own text can (`kafka_topic = "hono.telemetry.{tenant}"`), and then only for a tenant and a device that the credentials
allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.routing.hono_topics import HonoTopics
from adapter.routing.kafka_names import topic_problem
from adapter.routing.origin import NAMELESS, contradiction, has_control_characters, via
from adapter.routing.record import Facts, build_headers
from adapter.routing.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapter.model import Identity, PublishHeader
    from adapter.routing.config import RoutingConfig
    from adapter.routing.rule import RouteRule


class FileRoutes:
    """The operator's routes, in the order of the file."""

    def __init__(self, config: RoutingConfig, rules: Sequence[RouteRule]) -> None:
        self.rules = tuple(rules)
        self._auth_required = config.auth_required
        self._orig_adapter = config.adapter_name.encode()
        self._hono = HonoTopics(config)

    def route(self, identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal | None:
        """Return the record of a PUBLISH, or a Refusal; None if no route matches its topic."""
        for rule in self.rules:
            captures = rule.mqtt.match(header.topic)
            if captures is not None:
                return self._apply(rule, captures, identity, header)
        return None

    def _apply(
        self, rule: RouteRule, captures: dict[str, str], identity: Identity, header: PublishHeader
    ) -> RecordTemplate | Refusal:
        device = captures.get("device")
        if self._auth_required:
            if (refusal := self._unauthorized(rule, captures, identity)) is not None:
                return refusal
            device = device or identity.device_id or None
        if device is not None and has_control_characters(device):
            return Refusal(Reason.BAD_TOPIC, f"device {shown(device)} has control characters")
        if "username" in rule.placeholders and not identity.username:
            return Refusal(Reason.NOT_AUTHORIZED, f"route {shown(rule.name)} is for connections with a user name")
        values = captures | {
            "client_id": identity.client_id,
            "username": identity.username or "",
            "topic": header.topic,
        }
        topic = rule.kafka_topic.render(values)
        if (problem := self._problem(rule, topic)) is not None:
            return Refusal(Reason.BAD_TOPIC, f"route {shown(rule.name)}: Kafka topic {shown(topic)} {problem}")
        facts = Facts(
            content_type=rule.content_type,
            device_id=device,
            via=via(identity, device) if self._auth_required else None,
            extra=tuple((name, template.render(values).encode()) for name, template in rule.headers),
        )
        return RecordTemplate(
            topic=topic,
            key=rule.key.render(values).encode(),
            headers=build_headers(self._orig_adapter, header, facts),
            route=rule.name,
            delivery=rule.delivery,
            expiry=header.properties.message_expiry,
        )

    def _unauthorized(self, rule: RouteRule, captures: dict[str, str], identity: Identity) -> Refusal | None:
        """Return why these credentials do not allow a record for the tenant and the device of this route."""
        tenant = captures.get("tenant")
        if tenant is not None and not identity.tenant:
            return NAMELESS
        fixed = self._hono.fixed_tenant(rule.kafka_topic)
        if fixed is not None and identity.tenant not in {None, fixed}:
            return Refusal(Reason.NOT_AUTHORIZED, f"route {shown(rule.name)} is for tenant {shown(fixed)} only")
        return contradiction(identity, tenant, captures.get("device"))

    def _problem(self, rule: RouteRule, topic: str) -> str | None:
        """Return why a message may not go to this Kafka topic, to be read after its name."""
        if self._hono.owns(topic) and not self._hono.admits(rule.kafka_topic):
            return "is one of Hono's, and the route may not write to those"
        return topic_problem(topic)
