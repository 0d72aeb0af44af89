"""Tests a broker's address step by step: name, connection, TLS, authentication, a first request. Changes nothing.

`diagnosis` explains why Kafka could not be reached when it was needed. This module tries every step with a connection
of its own, so that the failing step is known even if the broker never answers.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from adapter.kafka.aiokafka_internals import versions_of
from adapter.kafka.diagnosis import UNREACHED, causes, words

if TYPE_CHECKING:
    from collections.abc import Mapping

SASL_ERRORS = (errors.SaslAuthenticationFailed, errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError)


class Step(StrEnum):
    """The steps, in order."""

    DNS = "DNS"
    TCP = "TCP"
    TLS = "TLS"
    SASL = "SASL"
    API = "API"


@dataclass(frozen=True, slots=True)
class Reach:
    """`failed` is the step that failed, or None; `why` is for people and contains no secrets.

    `certificate` is the validity of the broker's certificate, in seconds since the epoch. `versions` maps API keys to
    the oldest and the newest version that the broker supports.
    """

    address: str
    failed: Step | None = None
    why: str = ""
    certificate: tuple[float, float] | None = None
    versions: Mapping[int, tuple[int, int]] = field(default_factory=dict)


async def reach(host: str, port: int, options: Mapping[str, Any], limit: float) -> Reach:
    """Try all steps, each within `limit` seconds. `options` are those of a connection, without the servers."""
    attempt = _Attempt(host, port, dict(options))
    address = f"{host}:{port}"
    try:
        await attempt.go(limit)
    except UNREACHED as error:
        step = attempt.step
        found = list(causes(error))
        if any(isinstance(cause, ssl.SSLError) for cause in found):
            step = Step.TLS  # a server rejects a client's certificate after the client has finished its handshake
        elif any(isinstance(cause, SASL_ERRORS) for cause in found):
            step = Step.SASL
        why = words(error, attempt.options, limit)
        return Reach(address, step, why, attempt.certificate, attempt.versions)
    return Reach(address, None, "", attempt.certificate, attempt.versions)


class _Attempt:
    def __init__(self, host: str, port: int, options: dict[str, Any]) -> None:
        self.options = options
        self.step = Step.DNS
        self.certificate: tuple[float, float] | None = None
        self.versions: Mapping[int, tuple[int, int]] = {}
        self._host = host
        self._port = port

    async def go(self, limit: float) -> None:
        """Try the steps; `step` is the current one. Raises the error of the step that fails."""
        loop = asyncio.get_running_loop()
        protocol: str = self.options["security_protocol"]
        async with asyncio.timeout(limit):
            await loop.getaddrinfo(self._host, self._port)
        self.step = Step.TCP
        async with asyncio.timeout(limit):
            await self._connect(None)
        if (context := self.options["ssl_context"]) is not None:
            self.step = Step.TLS
            async with asyncio.timeout(limit):
                await self._connect(context)
        self.step = Step.API
        async with asyncio.timeout(limit):
            # Brokers report their versions before authentication.
            nameless = self.options | {"security_protocol": protocol.removeprefix("SASL_")}
            with closing(await create_conn(self._host, self._port, **nameless)) as connection:
                self.versions = versions_of(connection)
        self.step = Step.SASL if protocol.startswith("SASL_") else Step.API
        async with asyncio.timeout(limit):
            connection = await create_conn(self._host, self._port, **self.options)
        with closing(connection):
            self.step = Step.API
            async with asyncio.timeout(limit):
                await connection.send(MetadataRequest([]))

    async def _connect(self, context: ssl.SSLContext | None) -> None:
        _, writer = await asyncio.open_connection(self._host, self._port, ssl=context)
        if context is not None:
            shown = writer.get_extra_info("peercert")
            if shown:
                begin, end = (ssl.cert_time_to_seconds(shown[name]) for name in ("notBefore", "notAfter"))
                self.certificate = (begin, end)
        writer.transport.abort()
