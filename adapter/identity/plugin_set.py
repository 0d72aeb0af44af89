"""amqtt's plugins, created once for each event loop, and called as amqtt's broker calls them.

A plugin belongs to the loop in which it was created: it may hold an HTTP session or a lock that works nowhere else.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amqtt.contexts import Action
from amqtt.errors import PluginCoroError, PluginImportError, PluginInitError, PluginLoadError
from amqtt.events import BrokerEvents
from amqtt.plugins import manager as amqtt_manager
from amqtt.plugins.authentication import AnonymousAuthPlugin
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from adapter.errors import AdapterError, ConfigurationError
from adapter.identity.context import AdapterContext
from adapter.identity.ldap import asks_a_directory, has_plain_name, has_proof
from adapter.identity.loading import PLUGINS, reads_certificates

if TYPE_CHECKING:
    from amqtt.plugins.base import BasePlugin
    from amqtt.session import Session

# amqtt's own namespace for the plugins of a broker; it names the logger that they write to.
NAMESPACE = "amqtt.broker.plugins"
LONGEST_TEXT = 300  # characters of a plugin's error that go into a log line
_QUERY = re.compile(r"\?[^\s'\"]+")  # the query of a URL in an error's text


class PluginFailedError(AdapterError):
    """A plugin gave no answer: it raised, it was too slow, or the adapter is stopping. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the plugins say about credentials. `verified`: one of them has checked the user name itself."""

    allowed: bool
    verified: bool = False


class PluginSet:
    """One instance of each configured plugin."""

    def __init__(self, configs: dict[str, dict[str, Any]]) -> None:
        """Create the plugins for the running loop. Raises ConfigurationError."""
        try:
            manager = amqtt_manager.PluginManager(NAMESPACE, AdapterContext(configs), asyncio.get_running_loop())
        except (PluginInitError, PluginLoadError, PluginImportError, PluginCoroError) as error:
            cause = error.__cause__
            reason = f"{error}: {type(cause).__name__}: {cause}" if cause else str(error)
            raise ConfigurationError(
                f"{PLUGINS}: a plugin cannot be created: {reason}; fix its configuration"
            ) from error
        # The manager adds itself to a global dictionary, for `get_plugin_manager`, which no plugin calls.
        amqtt_manager.plugins_manager.pop(NAMESPACE, None)
        self._plugins: list[BasePlugin[Any]] = list(manager.plugins)
        self._auth = [plugin for plugin in self._plugins if isinstance(plugin, BaseAuthPlugin)]
        self._topic = [plugin for plugin in self._plugins if isinstance(plugin, BaseTopicPlugin)]

    async def start(self) -> None:
        """Tell the plugins that the broker starts, as amqtt does: some open their database on that event.

        Raises ConfigurationError.
        """
        for event in (BrokerEvents.PRE_START, BrokerEvents.POST_START):
            for plugin in self._plugins:
                try:
                    await _fire(plugin, event)
                except Exception as error:  # a plugin may raise anything
                    raise ConfigurationError(
                        f"{PLUGINS}: {type(plugin).__name__} cannot start: {type(error).__name__}: {error}"
                    ) from error

    async def authenticate(self, session: Session) -> Verdict:
        """Ask whether the session may connect. Raises PluginFailedError.

        As in amqtt's broker, None is no answer, at least one answer is needed, and all answers must be yes. Unlike
        there, plugins are asked one after another, so that a plugin that blocks its thread does so before the thread
        takes up other work; and the first no is final.
        """
        allowed = verified = anonymous = False
        for plugin in self._auth:
            session.is_anonymous = False
            if asks_a_directory(type(plugin)) and not (has_plain_name(session) and has_proof(session)):
                return Verdict(allowed=False)
            try:
                answer = await plugin.authenticate(session=session)
            except (Exception, SystemExit, KeyboardInterrupt) as error:
                raise _failure(plugin, error, session.password) from error
            if answer is None:
                continue
            if not answer:
                return Verdict(allowed=False)
            allowed = True
            # A plugin that says yes without checking the password marks the session as anonymous. But
            # AnonymousAuthPlugin does not if it requires a user name, and does not check that either. The certificate
            # plugin compares the client identifier, and ignores the user name.
            verified = verified or not (
                session.is_anonymous or isinstance(plugin, AnonymousAuthPlugin) or reads_certificates(type(plugin))
            )
            anonymous = anonymous or session.is_anonymous
        session.is_anonymous = anonymous
        return Verdict(allowed, verified)

    async def may_publish(self, session: Session, topic: str) -> bool:
        """Ask whether the session may publish to a topic. Raises PluginFailedError.

        As in amqtt's broker, every plugin must say yes, and None is not yes.
        """
        for plugin in self._topic:
            if asks_a_directory(type(plugin)) and not has_plain_name(session):
                return False
            try:
                answer = await plugin.topic_filtering(session=session, topic=topic, action=Action.PUBLISH)
            except (Exception, SystemExit, KeyboardInterrupt) as error:
                raise _failure(plugin, error, session.password) from error
            if not answer:
                return False
        return True

    async def close(self) -> list[str]:
        """Let the plugins release their resources; return what went wrong, one text for each failure.

        `close` alone is not enough: the HTTP plugin closes its connections on the broker's shutdown event.
        """
        problems = []
        for plugin in self._plugins:
            for step in (BrokerEvents.PRE_SHUTDOWN, BrokerEvents.POST_SHUTDOWN, None):
                try:
                    await (plugin.close() if step is None else _fire(plugin, step))
                except Exception as error:  # noqa: BLE001 - the others must be closed too
                    problems.append(str(_failure(plugin, error, None)))
        return problems


async def _fire(plugin: BasePlugin[Any], event: BrokerEvents) -> None:
    """Call the plugin's handler for an event. amqtt's manager would do the same, but hide an error."""
    handler = getattr(plugin, f"on_{event}", None)
    if handler is not None:
        await handler()


def _failure(plugin: BasePlugin[Any], error: BaseException, password: str | None) -> PluginFailedError:
    """Describe what a plugin raised, without the password: an HTTP error shows the URL, whose query may contain it."""
    text = _QUERY.sub("?***", str(error))
    if password:
        text = text.replace(password, "***")
    return PluginFailedError(f"{type(plugin).__name__} raised {type(error).__name__}: {text[:LONGEST_TEXT]}")
