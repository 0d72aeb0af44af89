"""Credentials that must not reach amqtt's LDAP plugins, which pass them to the directory unchecked.

The user name goes into a search filter unescaped: `d*@acme` would find `dev1@acme`, and its password would let in a
device under another name. And a bind with an empty password proves nothing: many directories accept it for any name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqtt.session import Session

# The characters that must be escaped in the value of a search filter (RFC 4515 section 3).
_SPECIAL = frozenset("*()\\\0")


def asks_a_directory(plugin: type) -> bool:
    """Return whether it is one of amqtt's LDAP plugins or derived from one.

    By name, as their module needs a library that may not be installed.
    """
    return any(base.__module__ == "amqtt.contrib.ldap" for base in plugin.__mro__)


def has_plain_name(session: Session) -> bool:
    """Return whether a search filter with this user name matches only this name."""
    name = session.username
    return name not in {None, ""} and _SPECIAL.isdisjoint(name)


def has_proof(session: Session) -> bool:
    """Return whether there is a password. An empty one makes an unauthenticated bind (RFC 4513 section 5.1.2)."""
    return bool(session.password)
