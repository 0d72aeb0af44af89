"""Authentication and authorisation: the adapter's rules around the answers of amqtt's plugins.

A user name becomes a tenant and a device only after a plugin has verified it. A client certificate does so if TLS has
verified it and the operator's pattern matches. Where authentication is required, a plugin or a certificate must vouch
for the device. Where it is not, devices without credentials may connect, and credentials are still checked if there is
a plugin for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from amqtt.session import Session

from adapter.errors import ConfigurationError, ConnectRefusedError
from adapter.identity.certificate import CertificateNames
from adapter.identity.loading import PLUGINS, plan
from adapter.identity.naming import identity_of
from adapter.identity.plugin_set import PluginFailedError
from adapter.identity.sessions import PasswordNotTextError, session_of
from adapter.identity.threads import PluginThreads
from adapter.model import Identity
from adapter.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adapter.identity.loading import PluginPlan
    from adapter.model import Connect
    from adapter.peer import Peer

STOP_SECONDS = 3.0

_NO_CERTIFICATE = "the server requires a client certificate that names a device"
_NOBODY_COULD_CONNECT = (
    f"{PLUGINS}: names no plugin that checks credentials, but authentication is required: no device could connect; set "
    f'{PLUGINS}={{"amqtt.plugins.authentication.FileAuthPlugin": {{"password_file": "..."}}}} '
    "or ADAPTER_AUTH__REQUIRED=false"
)


class Log(Protocol):
    """Where failures of plugins are logged. It should limit the rate, as devices can cause them."""

    def warning(self, event: str, **fields: Any) -> object:
        """Log a line, or drop it."""


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """`plugins` maps an amqtt plugin class to its configuration. `gateways` are patterns of user names (fnmatch).

    `timeout` is in seconds.
    """

    required: bool
    plugins: Mapping[str, Mapping[str, Any]] = field(repr=False)  # may hold passwords
    gateways: tuple[str, ...]
    threads: int = 4
    timeout: float = 10.0
    certificate_identity: str | None = None  # the pattern of `CertificateNames`


def check_plugins(config: IdentityConfig) -> PluginPlan:
    """Check the plugins without creating one. Raises ConfigurationError with everything that is wrong."""
    plugins = plan(config.plugins)
    if config.required and not plugins.authenticates and config.certificate_identity is None:
        raise ConfigurationError(_NOBODY_COULD_CONNECT)
    return plugins


class Gatekeeper:
    """Authenticates and authorises all connections. Call `start` first; `stop` may be called at any time, and again."""

    def __init__(self, config: IdentityConfig, log: Log | None = None) -> None:
        self._config = config
        self._log: Log = structlog.get_logger(__name__) if log is None else log
        self._threads: PluginThreads | None = None
        pattern = config.certificate_identity
        self._certificate_names = CertificateNames(pattern) if pattern is not None else None
        self._reads_certificates = False
        self._authenticates = False
        self._checks_topics = False

    async def start(self) -> None:
        """Load the plugins. Raises ConfigurationError with everything that is wrong with them."""
        config = self._config
        plugins = check_plugins(config)
        if not plugins.configs:
            return
        self._authenticates = plugins.authenticates
        self._reads_certificates = plugins.reads_certificates
        self._checks_topics = plugins.checks_topics
        self._threads = PluginThreads(
            plugins.configs,
            config.threads,
            config.timeout,
            self._trouble,
        )
        try:
            await self._threads.start()
        except ConfigurationError:
            await self.stop()
            raise
        except TimeoutError as error:
            await self.stop()
            raise ConfigurationError(
                f"{PLUGINS}: the plugins did not start within ADAPTER_AUTH__TIMEOUT ({config.timeout:g} s)"
            ) from error

    async def stop(self) -> None:
        """Close the plugins and end their threads, within STOP_SECONDS. Pending questions are refused."""
        if self._threads is not None:
            await self._threads.stop(STOP_SECONDS)

    def _trouble(self, text: str) -> None:
        self._log.warning("plugins did not end cleanly", error=text)

    @property
    def checks_topics(self) -> bool:
        """Whether a plugin checks topics."""
        return self._checks_topics

    async def authenticate(self, connect: Connect, peer: Peer) -> Identity:
        """Return the identity behind a CONNECT from `peer`. Raises ConnectRefusedError."""
        named = self._named(connect, peer)
        if named is None and self._certificate_names is not None and self._config.required and not self._authenticates:
            raise ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, _NO_CERTIFICATE)
        if self._threads is None:
            return named or Identity(connect.client_id, connect.username)
        try:
            session = session_of(connect, peer)
        except PasswordNotTextError as error:
            raise ConnectRefusedError(ReasonCode.BAD_USER_NAME_OR_PASSWORD, str(error)) from error
        if named is not None:
            return await self._authenticate_named(self._threads, named, session, peer)
        given = connect.username is not None or connect.password is not None
        verified = False
        if self._authenticates and (given or self._config.required):
            verified = await self._verify(self._threads, session, peer, given=given)
        if verified:
            identity = identity_of(connect.client_id, connect.username, self._config.gateways)
        else:
            if self._checks_topics:  # by the user name: an unverified one must not grant any topic
                session.username = None
                session.is_anonymous = True
            identity = Identity(connect.client_id, session.username)
        return self._with_session(identity, session)

    def _named(self, connect: Connect, peer: Peer) -> Identity | None:
        """Return the identity that the certificate names, if any. Raises ConnectRefusedError for another user name."""
        names = self._certificate_names
        found = names.name(peer.certificate) if names is not None and peer.certificate is not None else None
        if found is None:
            return None
        tenant, device = found
        username = f"{device}@{tenant}"
        if connect.username not in {None, "", username}:
            raise ConnectRefusedError(
                ReasonCode.BAD_USER_NAME_OR_PASSWORD, "the user name differs from that of the client certificate"
            )
        gateway = any(fnmatchcase(username, pattern) for pattern in self._config.gateways)
        return Identity(connect.client_id, username, tenant, device, gateway)

    async def _authenticate_named(
        self, threads: PluginThreads, named: Identity, session: Session, peer: Peer
    ) -> Identity:
        """Accept the certificate's identity. If there is a password, or amqtt's certificate plugin, it must agree."""
        session.username = named.username
        if self._authenticates and (session.password is not None or self._reads_certificates):
            await self._verify(threads, session, peer, given=True)
        return self._with_session(named, session)

    def _with_session(self, identity: Identity, session: Session) -> Identity:
        # When asked about a topic, plugins find in the session what they stored there, and the password, which may be a
        # token that lists topics. A session takes 7 KiB for each connection, so it is kept only where it is needed.
        return replace(identity, plugin_session=session) if self._checks_topics else identity

    async def _verify(self, threads: PluginThreads, session: Session, peer: Peer, *, given: bool) -> bool:
        """Ask the plugins; return whether one has verified the credentials. Raises ConnectRefusedError."""
        try:
            verdict = await threads.ask(lambda plugins: plugins.authenticate(session), peer.network)
        except PluginFailedError as error:
            self._log.warning("authentication plugin failed", client_id=session.client_id, error=str(error))
            raise ConnectRefusedError(
                ReasonCode.SERVER_UNAVAILABLE, "the server cannot check credentials now"
            ) from error
        if not verdict.allowed:
            if not given:
                raise ConnectRefusedError(ReasonCode.NOT_AUTHORIZED, "the server requires a user name and a password")
            raise ConnectRefusedError(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "the user name or the password is wrong")
        return verdict.verified

    async def may_publish(self, identity: Identity, topic: str) -> bool | None:
        """Ask the plugins whether an authenticated connection may publish to a topic; None if they cannot answer."""
        threads = self._threads
        if threads is None or not self._checks_topics:
            return True
        session = identity.plugin_session
        assert isinstance(session, Session)
        try:
            return await threads.ask(
                lambda plugins: plugins.may_publish(session, topic), ("device", identity.client_id)
            )
        except PluginFailedError as error:
            self._log.warning("authorisation plugin failed", client_id=identity.client_id, error=str(error))
            return None
