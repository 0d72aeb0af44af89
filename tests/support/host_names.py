"""Host names that come and go, for one child process and by the real resolver: an /etc/hosts of its own. Needs root."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

HOSTS = Path("/etc/hosts")
# No name server is asked: the machine's may take five seconds to say no.
IN_OWN_NAMESPACE = 'mount --bind "$0" /etc/hosts && mount --bind /dev/null /etc/resolv.conf && exec "$@"'


class HostNames:
    """Names for 127.0.0.1. `command` is what stands before the command of the process that is to know them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._lines = "".join(f"127.0.0.1 {name}\n" for name in names)
        self._file = tempfile.NamedTemporaryFile("w", prefix="hosts-")  # noqa: SIM115 - closed at the exit
        self.command = ["unshare", "--mount", "sh", "-c", IN_OWN_NAMESPACE, self._file.name]

    def come(self) -> None:
        """They can be resolved."""
        self._write(HOSTS.read_text() + self._lines)

    def go(self) -> None:
        """They cannot be resolved any more."""
        self._write(HOSTS.read_text())

    def _write(self, text: str) -> None:
        file = self._file  # the very file that is mounted
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()

    def __enter__(self) -> Self:
        self.come()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
