"""Says how a PUBLISH is routed, for people: the same answer as the router's, with the rules that were passed by."""

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
    """`route` is the rule that took the message, `tried` those before it, each with why it did not.

    A rule that takes a message may still refuse it: then `result` says why. `route` is None when no rule took it.
    """

    route: str | None
    result: RecordTemplate | Refusal
    tried: tuple[tuple[str, str], ...]


def explain(router: Router, identity: Identity, header: PublishHeader, payload_size: int) -> Explanation:
    """Say what becomes of a PUBLISH with `payload_size` bytes of payload, as far as it can be said without Kafka."""
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
