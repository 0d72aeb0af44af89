"""From a user name to a device, by Hono's convention `{auth-id}@{tenant}`. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from adapter.model import Identity


def identity_of(client_id: str, username: str | None, gateways: tuple[str, ...]) -> Identity:
    """Return the identity that a user name stands for. Call it only for user names that a plugin has verified.

    The tenant follows the last `@`. A user name without an `@`, or with nothing on one side of it, names no device.
    `gateways` are patterns of whole user names: `*` matches any text, `?` any character, `[…]` one of several.
    """
    auth_id, _, tenant = (username or "").rpartition("@")
    if username is None or not auth_id or not tenant:
        return Identity(client_id, username)
    gateway = any(fnmatchcase(username, pattern) for pattern in gateways)
    return Identity(client_id, username, tenant, auth_id, gateway)
