"""amqtt's plugins: that they can be imported and take their configuration, and that the password file is well-formed.

None is made: a plugin may open connections, or make tables in a database, when it is.
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
    """A finding for each mistake, or for each plugin."""
    try:
        plugins = check_plugins(config)
    except ConfigurationError as error:
        yield from (from_problem(CHECK, problem) for problem in error.problems)
        return
    for path in plugins.configs:
        yield ok(CHECK, path, "can be imported, and takes its configuration")
    if not plugins.configs:
        yield ok(CHECK, "ADAPTER_AUTH__PLUGINS", "none is needed: devices are let in without credentials")
