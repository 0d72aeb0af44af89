"""From a PUBLISH to its record: the routes file first, then Hono's grammar. The only entry point to routing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.model import Refusal
from adapter.reasons import Reason
from adapter.routing.file_routes import FileRoutes
from adapter.routing.hono import HonoGrammar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapter.model import Identity, PublishHeader, RecordTemplate
    from adapter.routing.config import RoutingConfig
    from adapter.routing.rule import RouteRule


class Router:
    """Decides where a PUBLISH goes. Does no I/O and keeps no state; connections cache its answers."""

    def __init__(self, config: RoutingConfig, routes: Sequence[RouteRule] = ()) -> None:
        self.hono = HonoGrammar(config)
        self._file = FileRoutes(config, routes)

    @property
    def routes(self) -> tuple[RouteRule, ...]:
        """The rules of the routes file, in the order in which they are tried."""
        return self._file.rules

    def route(self, identity: Identity, header: PublishHeader) -> RecordTemplate | Refusal:
        """Return the record of a PUBLISH, or a Refusal. Never raises, whatever a device sends."""
        try:
            # `is None`, not `or`: if a route matches and refuses the message, that is final.
            result = self._file.route(identity, header)
            return self.hono.route(identity, header) if result is None else result
        except UnicodeEncodeError:
            # Lone surrogates. The codec lets none through [MQTT-1.5.4-1], but a terminal can pass them to `explain`.
            return Refusal(Reason.BAD_TOPIC, "the topic, or a name that the record needs, is not valid Unicode")
