"""From a client's certificate to a device, by the operator's pattern. Pure.

A pattern is one or more `KIND=text` with commas between. The kinds are those of the subject (`CN`, `O`, `OU` …) and of
the alternative names (`dns`, `uri`, `email`, `ip`). `{device}` and `{tenant}` stand in the texts, each once in all; or
`tenant=name` says one tenant for all. Examples: `CN={device}@{tenant}`, `O={tenant},CN={device}`,
`uri=spiffe://example.com/{tenant}/{device}`, `tenant=plant,CN={device}`.
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
    """A pattern. Raises ConfigurationError when it is none."""

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
            raise _wrong("{device} must stand there once, and {tenant} or tenant=name once")

    def name(self, certificate: Certificate) -> tuple[str, str] | None:
        """Tenant and device; None when the certificate does not have the pattern's names, or has several that fit."""
        found = {} if self._tenant is None else {TENANT: self._tenant}
        for wanted, regex in self._rules:
            matches = {regex.fullmatch(value) for kind, value in certificate.names if kind == wanted} - {None}
            if len(matches) != 1:
                return None
            [match] = matches
            assert match is not None, "taken out above"
            found |= match.groupdict()
        # A user name is `device@tenant`, split at its last @.
        return None if "@" in found[TENANT] else (found[TENANT], found[DEVICE])


def _regex(text: str) -> tuple[re.Pattern[str], list[str]]:
    """Take a placeholder for text without the characters that stand beside it: there is one way to read a name."""
    pieces = _PLACEHOLDER.split(text)  # literal, name, literal, name … literal
    literals, names = pieces[::2], pieces[1::2]
    if any(name not in {DEVICE, TENANT} for name in names) or any("{" in one or "}" in one for one in literals):
        raise _wrong("a text may hold {device} and {tenant} and no other braces")
    if not all(literals[1:-1]):
        raise _wrong("a text does not say where {device} ends and {tenant} begins, or the other way round")
    expression = re.escape(literals[0])
    for place, name in enumerate(names):
        beside = re.escape(literals[place][-1:] + literals[place + 1][:1])
        characters = f"[^{beside}]" if beside else "."
        expression += f"(?P<{name}>{characters}+)" + re.escape(literals[place + 1])
    return re.compile(expression, re.DOTALL), names


def _wrong(text: str) -> ConfigurationError:
    # The pattern is not repeated: in its place may stand what is none of its readers' business.
    return ConfigurationError(f"{VARIABLE}: {text}")
