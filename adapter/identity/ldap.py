"""What amqtt's LDAP plugins must not be asked, because they hand it to the directory as it is.

The user name goes into a search filter unescaped: `d*@acme` would find `dev1@acme`, and be let in by its password as a
device of another name. And a bind with an empty password is no proof: many directories say yes to it, whoever is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amqtt.session import Session

# "must be escaped" in a filter's value: RFC 4515 section 3.
_SPECIAL = frozenset("*()\\\0")


def asks_a_directory(plugin: type) -> bool:
    """Whether it is one of amqtt's LDAP plugins, or made of one. By name: its module needs a library that may miss."""
    return any(base.__module__ == "amqtt.contrib.ldap" for base in plugin.__mro__)


def has_plain_name(session: Session) -> bool:
    """Whether the user name means itself in a filter."""
    name = session.username
    return name not in {None, ""} and _SPECIAL.isdisjoint(name)


def has_proof(session: Session) -> bool:
    """Whether there is a password at all: an empty one is an "unauthenticated" bind (RFC 4513 section 5.1.2)."""
    return bool(session.password)
