"""Checks that amqtt's plugins can be imported and accept their configuration, and that the password file is valid.

It creates no plugin: a plugin may open connections or create database tables when it is created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError
from adapter.identity.gatekeeper import check_plugins
from adapter.preflight.finding import from_problem, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapter.identity.gatekeeper import IdentityConfig
    from adapter.preflight.finding import Finding

CHECK = "plugin"


def check_identity(config: IdentityConfig) -> Iterator[Finding]:
    """Yield a finding per mistake, or one per plugin."""
    try:
        plugins = check_plugins(config)
    except ConfigurationError as error:
        yield from (from_problem(CHECK, problem) for problem in error.problems)
        return
    for path in plugins.configs:
        yield ok(CHECK, path, "can be imported, and accepts its configuration")
    if not plugins.configs:
        yield ok(CHECK, "ADAPTER_AUTH__PLUGINS", "none is needed: devices are accepted without credentials")
