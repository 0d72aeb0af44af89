"""What amqtt's plugins are given as their broker: its context, without a broker behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from amqtt.broker import BrokerContext
from amqtt.contexts import BaseContext, BrokerConfig
from amqtt.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import Any

    from amqtt.broker import RetainedApplicationMessage
    from amqtt.session import Session


class AdapterContext(BrokerContext):
    """A BrokerContext of an adapter: it knows no sessions and no subscriptions, and publishes nothing.

    What a plugin cannot have here raises amqtt's BrokerError, which plugins know.
    """

    def __init__(self, plugins: Mapping[str, Mapping[str, Any]]) -> None:
        # Not BrokerContext's own: it wants a broker, which every method below does without.
        BaseContext.__init__(self)
        self.config = BrokerConfig(plugins={path: dict(config) for path, config in plugins.items()})

    async def broadcast_message(self, topic: str, data: bytes, qos: int | None = None) -> None:  # noqa: ARG002 - amqtt's
        """Raise BrokerError: nobody subscribes here."""
        _unsupported("broadcast a message")

    async def retain_message(
        self,
        topic_name: str,  # noqa: ARG002 - amqtt's signature
        data: bytes | bytearray,  # noqa: ARG002
        qos: int | None = None,  # noqa: ARG002
    ) -> None:
        """Raise BrokerError: nothing is retained."""
        _unsupported("retain a message")

    async def add_subscription(self, client_id: str, topic: str | None, qos: int | None) -> None:  # noqa: ARG002 - amqtt's
        """Raise BrokerError: nobody subscribes here."""
        _unsupported("add a subscription")

    @property
    def sessions(self) -> Generator[Session]:
        """None at all: a plugin sees the one session it is asked about."""
        yield from ()

    def get_session(self, client_id: str) -> Session | None:  # noqa: ARG002 - amqtt's signature
        """Find no session."""
        return None

    @property
    def retained_messages(self) -> dict[str, RetainedApplicationMessage]:
        """Always empty."""
        return {}

    @property
    def subscriptions(self) -> dict[str, list[tuple[Session, int]]]:
        """Always empty."""
        return {}


def _unsupported(what: str) -> NoReturn:
    raise BrokerError(f"a plugin cannot {what}: it runs in the MQTT-to-Kafka adapter, which is no broker")
