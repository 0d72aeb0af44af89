"""Entries of the password file of amqtt's FileAuthPlugin: made by `passwd`, and checked when the adapter starts.

Argon2id with m=7168 KiB, t=5, p=1. Of the parameters that OWASP's Password Storage Cheat Sheet lists as equally strong,
these need the least memory. They are also the cheapest here: a check takes 19 ms of CPU, against 23 ms with m=19456
t=2, 51 ms with m=47104 t=1, and 170 ms with the library's default m=65536 t=3. When a thousand devices reconnect, that
is 19 s of one core. Each entry of the file holds its own parameters, so others work as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pwdlib.hashers.argon2 import Argon2Hasher

if TYPE_CHECKING:
    from pathlib import Path

MEMORY_KIB = 7168
PASSES = 5
LANES = 1

_COMMENT = "#"
_SEPARATOR = ":"
_SHA512_CRYPT = "$6$"  # deprecated in amqtt, but still accepted


def password_entry(username: str, password: str) -> str:
    """Return a line for the password file, without the line break.

    Raises ValueError for a user name that the file cannot represent, and for an empty password.
    """
    if not username:
        raise ValueError("the user name is empty")
    if _SEPARATOR in username:
        raise ValueError("a user name in the password file cannot contain ':'")
    if not username.isprintable():
        raise ValueError("the user name contains a line break or another character that cannot be printed")
    if username != username.strip() or username.startswith(_COMMENT):
        raise ValueError("a user name in the password file cannot begin with '#', nor begin or end with a space")
    if not password:
        raise ValueError("the password is empty")
    hasher = Argon2Hasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    return f"{username}{_SEPARATOR}{hasher.hash(password)}"


def problems_in(path: Path) -> list[str]:
    """Return what is wrong with a password file, one text for each bad line. No text shows the content of a line.

    The plugin itself would log a malformed line, which may contain a password, and fail only when the device connects.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return [f"the password file {path} does not exist; make an entry with: python -m adapter passwd NAME"]
    except (OSError, ValueError) as error:
        reason = "it is not UTF-8" if isinstance(error, ValueError) else error.strerror
        return [f"the password file {path} cannot be read: {reason}"]
    problems = []
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        username, separator, stored = line.partition(_SEPARATOR)
        if not line or line.startswith(_COMMENT):
            continue
        if not (username and separator and (Argon2Hasher.identify(stored) or stored.startswith(_SHA512_CRYPT))):
            problems.append(
                f"line {number} of the password file {path} is not user-name:argon2-hash; "
                "make it with: python -m adapter passwd NAME"
            )
    return problems
