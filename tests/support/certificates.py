"""Certificates for tests, made with the `openssl` command: an authority, and what it signs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


class Authority:
    """Its own certificate is `cafile`. All files are PEM, and live in `folder`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self.cafile = folder / f"{name}.pem"
        self._request(name, "-nodes")

    def sign(self, name: str, *, key_password: str | None = None) -> tuple[Path, Path]:
        """Return certificate and key of `name`, good for servers at 127.0.0.1 and for clients."""
        signer = ("-CA", str(self.cafile), "-CAkey", str(self._folder / f"{self._name}.key"))
        use = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
        lock = ("-nodes",) if key_password is None else ("-passout", f"pass:{key_password}")
        self._request(name, *signer, *use, *lock)
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _request(self, name: str, *more: str) -> None:
        out = ("-keyout", str(self._folder / f"{name}.key"), "-out", str(self._folder / f"{name}.pem"))
        command = ("openssl", "req", "-x509", "-days", "1", "-subj", f"/CN={name}", *NEW_KEY, *out, *more)
        subprocess.run(command, check=True, capture_output=True, timeout=30)


def keystore(certificate: Path, key: Path) -> str:
    """Both in one, as Kafka's `ssl.keystore.location` with the type PEM."""
    path = certificate.with_suffix(".keystore")
    path.write_text(key.read_text() + certificate.read_text())
    return str(path)


def expired(certificate: Path, key: Path) -> Path:
    """The same certificate, signed by itself and over; the key is not locked."""
    path = certificate.with_suffix(".expired")
    command = ("openssl", "x509", "-days", "-1", "-in", str(certificate), "-signkey", str(key), "-out", str(path))
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return path
