"""`python -m adapter.health [--ready]`: asks the adapter of this environment whether it lives, or is ready.

For a container's health check, which runs every few seconds: standard library only, and nothing is read but where the
HTTP endpoint is. Exit code 0: yes, or the endpoint is off, so there is nothing to ask; 1: no.
"""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ANSWER_SECONDS = 2.0
# An endpoint that listens on every address is asked at this one.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Ask, and return the exit code."""
    port = _setting(environ, "ADAPTER_HTTP__PORT", "8080")
    if not port:
        return 0
    host = _setting(environ, "ADAPTER_HTTP__HOST", "0.0.0.0")  # noqa: S104 - asked at the loopback address
    connection = http.client.HTTPConnection(LOOPBACK.get(host, host), int(port), timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz" if "--ready" in arguments else "/livez")
        answer = connection.getresponse()
        sys.stdout.write(answer.read(4096).decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    finally:
        connection.close()
    return 0 if answer.status == http.HTTPStatus.OK else 1


def _setting(environ: Mapping[str, str], name: str, default: str) -> str:
    file = environ.get(f"{name}_FILE")
    value = Path(file).read_text(encoding="utf-8") if file else environ.get(name, default)
    return value.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
