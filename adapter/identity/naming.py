"""From a user name to a device, by Hono's convention `{auth-id}@{tenant}`. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from adapter.model import Identity


def identity_of(client_id: str, username: str | None, gateways: tuple[str, ...]) -> Identity:
    """Say who a connection is; for user names that a plugin has verified, and for no others.

    The tenant is what follows the last `@`. A user name without one, or with nothing on one side of it, names no
    device. `gateways` are patterns of whole user names: `*` stands for any text, `?` for a
    character, `[…]` for one of several.
    """
    auth_id, _, tenant = (username or "").rpartition("@")
    if username is None or not auth_id or not tenant:
        return Identity(client_id, username)
    gateway = any(fnmatchcase(username, pattern) for pattern in gateways)
    return Identity(client_id, username, tenant, auth_id, gateway)
