"""What a plugin finds where amqtt's broker would be."""

import pytest
from amqtt.broker import BrokerContext
from amqtt.errors import BrokerError

from adapter.identity.context import AdapterContext


def test_a_plugin_finds_a_broker_context_without_sessions() -> None:
    context = AdapterContext({"a.Plugin": {"number": 1}})
    assert isinstance(context, BrokerContext)
    assert context.config is not None
    assert context.config.plugins == {"a.Plugin": {"number": 1}}
    assert list(context.sessions) == []
    assert context.get_session("c1") is None
    assert context.retained_messages == {}
    assert context.subscriptions == {}


async def test_what_needs_a_broker_is_refused_with_an_error_that_plugins_know() -> None:
    context = AdapterContext({})
    for attempt in (
        context.broadcast_message("t", b"x"),
        context.retain_message("t", b"x"),
        context.add_subscription("c1", "t", 0),
    ):
        with pytest.raises(BrokerError, match="no broker"):
            await attempt
