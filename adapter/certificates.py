"""Loads the server's certificate, client authorities and revocation lists, and reloads them when the files change.

Existing connections keep the TLS context they started with, so a reload drops none. A renewed revocation list applies
to every new connection, because a new context resumes no older TLS session.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography import x509

from adapter.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

LOOK_SECONDS = 5.0
SOON = 0.2  # seconds
# Changes when a file is replaced, even behind the symbolic links of a mounted Kubernetes secret.
Stamp = tuple[tuple[int, int, int] | None, ...]


class Log(Protocol):
    """The part of a structlog logger that is needed here."""

    def info(self, event: str, **fields: object) -> object: ...
    def error(self, event: str, **fields: object) -> object: ...


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """`client_certificates` is `ssl.CERT_NONE`, `CERT_OPTIONAL` or `CERT_REQUIRED`; files are PEM."""

    certfile: str
    keyfile: str | None = None
    key_password: str | None = field(default=None, repr=False)
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    client_certificates: ssl.VerifyMode = ssl.CERT_NONE
    cafile: str | None = None
    crlfile: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """All configured files."""
        return tuple(file for file in (self.certfile, self.keyfile, self.cafile, self.crlfile) if file is not None)


def make_context(config: TlsConfig) -> ssl.SSLContext:
    """Read the files into a TLS context. Raises ConfigurationError, which names the variable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = config.minimum_version
    # Renegotiation costs the server more than the client, and TLS 1.3 has none; compression leaks (CRIME).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # Never None: OpenSSL would prompt for the password on the terminal.
    password = config.key_password or ""
    _load(
        "ADAPTER_TLS__CERTFILE",
        config.certfile,
        lambda: context.load_cert_chain(config.certfile, config.keyfile, lambda: password),
    )
    context.verify_mode = config.client_certificates
    if config.cafile is not None:
        _load("ADAPTER_TLS__CAFILE", config.cafile, lambda: context.load_verify_locations(config.cafile))
    if config.crlfile is not None:
        before = context.cert_store_stats()["crl"]
        _load("ADAPTER_TLS__CRLFILE", config.crlfile, lambda: context.load_verify_locations(config.crlfile))
        if context.cert_store_stats()["crl"] == before:
            raise ConfigurationError(
                f"ADAPTER_TLS__CRLFILE: {config.crlfile!r} contains no revocation list; name another"
            )
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _load(variable: str, file: str, load: Callable[[], None]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").replace("_", " ").lower()
        raise ConfigurationError(f"{variable}: {file!r} cannot be used ({reason}); fix it") from error
    except OSError as error:
        raise ConfigurationError(f"{variable}: {file!r} cannot be read ({error.strerror}); fix it") from error


@dataclass(frozen=True, slots=True)
class Validity:
    """When a certificate is valid, in seconds since the epoch."""

    begin: float
    end: float

    def problem(self, now: float) -> str | None:
        """Return why it is not valid now, or None."""
        if now < self.begin:
            return f"is not valid before {_utc(self.begin)}"
        return f"expired on {_utc(self.end)}" if now >= self.end else None


def _utc(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def validity_of(certfile: str) -> Validity:
    """Read the validity of the first certificate in a PEM file, which is the server's own."""
    first = x509.load_pem_x509_certificates(Path(certfile).read_bytes())[0]
    return Validity(first.not_valid_before_utc.timestamp(), first.not_valid_after_utc.timestamp())


class Certificates:
    """Holds the current TLS context. The files are small and local, so the event loop reads them."""

    def __init__(self, config: TlsConfig, log: Log, clock: Callable[[], float] = time.time) -> None:
        """Load the files. Raises ConfigurationError. `clock` tells seconds since the epoch."""
        self._config = config
        self._log = log
        self._clock = clock
        self._stamp = self._look()
        self._again_at = math.inf  # when the files' certificate becomes valid, if it is not yet
        self._context, self._validity = self._load()
        self._complain(self._validity.problem(clock()))
        self._task: asyncio.Task[None] | None = None
        self._soon: asyncio.TimerHandle | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        return self._context

    @property
    def expiry(self) -> float:
        """When the certificate in use expires, in seconds since the epoch."""
        return self._validity.end

    def start(self) -> None:
        """Start watching the files."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching the files."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reload_soon(self) -> None:
        """The same in a moment: whoever asks until then, asks for this one."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON, self._reload_now)

    def _reload_now(self) -> None:
        self._soon = None
        self.reload()

    def reload(self) -> None:
        """Read the files again. A valid old certificate stays if they cannot be used or theirs is not valid now."""
        self._stamp = self._look()
        self._again_at = math.inf
        try:
            context, validity = self._load()
        except ConfigurationError as error:
            self._log.error("certificates cannot be reloaded, the old ones stay", problems=list(error.problems))
            return
        now = self._clock()
        problem = validity.problem(now)
        if problem is not None and self._validity.problem(now) is None:
            if now < validity.begin:
                self._again_at = validity.begin
            text = f"{self._config.certfile} {problem}"
            self._log.error("certificates cannot be reloaded, the old ones stay", problems=[text])
            return
        self._context, self._validity = context, validity
        self._log.info("certificates reloaded", file=self._config.certfile)
        self._complain(problem)

    def _load(self) -> tuple[ssl.SSLContext, Validity]:
        context = make_context(self._config)
        certfile = self._config.certfile
        try:
            return context, validity_of(certfile)
        except (OSError, ValueError) as error:  # OpenSSL is less strict, or the file was just replaced
            raise ConfigurationError(f"ADAPTER_TLS__CERTFILE: {certfile!r} cannot be used ({error}); fix it") from error

    def _complain(self, problem: str | None) -> None:
        if problem is not None:
            text = f"{problem}; renew it, or correct the clock"
            self._log.error("devices will refuse the server's certificate", file=self._config.certfile, problem=text)

    async def _watch(self) -> None:
        """Reload after files have changed and then stayed the same for one interval: several may be changing."""
        seen = self._stamp
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                now = self._look()
                if (now != self._stamp and now == seen) or self._clock() >= self._again_at:
                    self.reload()
                seen = now
            except Exception as error:  # noqa: BLE001 - if the watch ended unnoticed, certificates would expire
                self._log.error("certificates cannot be checked", error=repr(error))

    def _look(self) -> Stamp:
        return tuple(_stamp(file) for file in self._config.files)


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        status = Path(file).stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
