"""Explains to people how a PUBLISH is routed: the router's own answer, and why earlier routes did not match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.model import RecordTemplate

if TYPE_CHECKING:
    from adapter.model import Identity, PublishHeader, Refusal
    from adapter.routing.router import Router

HONO_GRAMMAR = "Hono's grammar"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`route` is the name of the rule that matched, or None; `tried` are those before it, and why they did not match.

    A rule that matches may still refuse the message: `result` then says why.
    """

    route: str | None
    result: RecordTemplate | Refusal
    tried: tuple[tuple[str, str], ...]


def explain(router: Router, identity: Identity, header: PublishHeader, payload_size: int) -> Explanation:
    """Explain what becomes of a PUBLISH with `payload_size` bytes of payload, as far as can be known without Kafka."""
    result = router.route(identity, header)
    if isinstance(result, RecordTemplate):
        result = result.refuse_payload(payload_size) or result
    tried: list[tuple[str, str]] = []
    for rule in router.routes:
        why_not = rule.mqtt.why_not(header.topic)
        if why_not is None:
            return Explanation(rule.name, result, tuple(tried))
        tried.append((rule.name, why_not))
    endpoint = router.hono.endpoint(header.topic)
    if endpoint is not None:
        return Explanation(endpoint.name, result, tuple(tried))
    tried.append((HONO_GRAMMAR, "the first level is none of telemetry, t, event, e"))
    return Explanation(None, result, tuple(tried))
