"""From a client certificate to a device, by the operator's pattern. Pure.

A pattern is a comma-separated list of `KIND=text`. The kinds are attributes of the subject (`CN`, `O`, `OU` …) and
subject alternative names (`dns`, `uri`, `email`, `ip`). `{device}` and `{tenant}` each appear once in the whole
pattern; `tenant=name` in place of `{tenant}` sets one tenant for all devices. Examples: `CN={device}@{tenant}`,
`O={tenant},CN={device}`, `uri=spiffe://example.com/{tenant}/{device}`, `tenant=plant,CN={device}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from adapter.errors import ConfigurationError

if TYPE_CHECKING:
    from adapter.peer import Certificate

VARIABLE = "ADAPTER_AUTH__CERTIFICATE_IDENTITY"
DEVICE = "device"
TENANT = "tenant"
KINDS = ("CN", "O", "OU", "C", "ST", "L", "UID", "serialNumber", "dns", "uri", "email", "ip")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


class CertificateNames:
    """A parsed pattern. Raises ConfigurationError if it cannot be parsed."""

    def __init__(self, pattern: str) -> None:
        self._tenant: str | None = None
        self._rules: list[tuple[str, re.Pattern[str]]] = []
        found: list[str] = []
        for part in pattern.split(","):
            kind, separator, text = (piece.strip() for piece in part.partition("="))
            if kind == TENANT and text and "{" not in text:
                self._tenant = text
                found.append(TENANT)
            elif separator and kind in KINDS and text:
                regex, names = _regex(text)
                found += names
                self._rules.append((kind, regex))
            else:
                raise _wrong(f"every part must be KIND=text with one of {', '.join(KINDS)}, or tenant=name")
        if sorted(found) != [DEVICE, TENANT]:
            raise _wrong("it must contain {device} once, and either {tenant} or tenant=name once")

    def name(self, certificate: Certificate) -> tuple[str, str] | None:
        """Return tenant and device; None if the certificate lacks a name of the pattern, or has several that match."""
        found = {} if self._tenant is None else {TENANT: self._tenant}
        for wanted, regex in self._rules:
            matches = {regex.fullmatch(value) for kind, value in certificate.names if kind == wanted} - {None}
            if len(matches) != 1:
                return None
            [match] = matches
            assert match is not None, "removed above"
            found |= match.groupdict()
        # A user name `device@tenant` is split at its last @, so a tenant cannot contain one.
        return None if "@" in found[TENANT] else (found[TENANT], found[DEVICE])


def _regex(text: str) -> tuple[re.Pattern[str], list[str]]:
    """Return the regular expression of a text, and the placeholders in it.

    A placeholder matches no character that stands next to it in the text, so there is only one way to split a name.
    """
    pieces = _PLACEHOLDER.split(text)  # literal, name, literal, name … literal
    literals, names = pieces[::2], pieces[1::2]
    if any(name not in {DEVICE, TENANT} for name in names) or any("{" in one or "}" in one for one in literals):
        raise _wrong("a text may contain {device} and {tenant}, and no other braces")
    if not all(literals[1:-1]):
        raise _wrong(
            "{device} and {tenant} need text between them, or nobody knows where one ends and the other begins"
        )
    expression = re.escape(literals[0])
    for place, name in enumerate(names):
        beside = re.escape(literals[place][-1:] + literals[place + 1][:1])
        characters = f"[^{beside}]" if beside else "."
        expression += f"(?P<{name}>{characters}+)" + re.escape(literals[place + 1])
    return re.compile(expression, re.DOTALL), names


def _wrong(text: str) -> ConfigurationError:
    # The pattern is not repeated: the variable may hold a secret by mistake.
    return ConfigurationError(f"{VARIABLE}: {text}")
