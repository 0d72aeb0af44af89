"""The broker context that amqtt's plugins get, without a broker behind it."""

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
    """A BrokerContext without sessions, subscriptions or retained messages, which cannot publish.

    What the adapter cannot do raises amqtt's BrokerError, which plugins know.
    """

    def __init__(self, plugins: Mapping[str, Mapping[str, Any]]) -> None:
        # Not BrokerContext.__init__: it needs a broker, and no method below does.
        BaseContext.__init__(self)
        self.config = BrokerConfig(plugins={path: dict(config) for path, config in plugins.items()})

    async def broadcast_message(self, topic: str, data: bytes, qos: int | None = None) -> None:  # noqa: ARG002 - amqtt's
        """Raise BrokerError: there are no subscribers."""
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
        """Raise BrokerError: there are no subscriptions."""
        _unsupported("add a subscription")

    @property
    def sessions(self) -> Generator[Session]:
        """Always empty: a plugin sees only the session that it is asked about."""
        yield from ()

    def get_session(self, client_id: str) -> Session | None:  # noqa: ARG002 - amqtt's signature
        """Return None: there are no sessions."""
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
