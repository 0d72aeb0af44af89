"""Explains to operators why Kafka cannot be reached.

aiokafka only logs the reason, and raises "Unable to bootstrap" in any case. So after such a failure this module tries
one more connection, as aiokafka would, and describes the result. The description contains no secrets.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiokafka.client import AIOKafkaClient

DIAGNOSIS_SECONDS = 3.0  # brokers answer in milliseconds, or are unavailable

# The third: a broker so old, or new, that none fits. The last: a name that cannot be a host's, as `kafka..local`.
UNREACHED = (OSError, errors.KafkaError, NotImplementedError, UnicodeError)

# OpenSSL's X509_V_ERR_… CERT_NOT_YET_VALID, CERT_HAS_EXPIRED, HOSTNAME_MISMATCH and IP_ADDRESS_MISMATCH.
AUTHORITY_NOT_TO_BLAME = (9, 10, 62, 64)


async def why_unreachable(
    client: AIOKafkaClient, connection: Mapping[str, Any], limit: float = DIAGNOSIS_SECONDS
) -> str | None:
    """Try every address where the client looks for brokers; return what goes wrong, or None.

    These are the bootstrap servers and the advertised addresses of known brokers. All are tried at the same time, for
    `limit` seconds. `connection` comes from `KafkaOptions.connection`.
    """
    options = {name: value for name, value in connection.items() if name != "bootstrap_servers"}
    known = [(broker.host, broker.port) for broker in client.cluster.brokers()]
    addresses = dict.fromkeys([(host, port) for host, port, _ in client.hosts] + known)
    tried = await asyncio.gather(*(try_broker(host, port, options, limit) for host, port in addresses))
    failures = {address: failure for address, failure in zip(addresses, tried, strict=True) if failure is not None}
    return most_telling(failures, options, limit) if failures else None


def most_telling(failures: Mapping[tuple[str, int], Exception], options: Mapping[str, Any], limit: float) -> str:
    """One of these failures in words: a broker that answers and refuses tells more than one that does not answer."""
    return min(
        (not _refused(failure), f"{host}:{port}: {words(failure, options, limit)}")
        for (host, port), failure in failures.items()
    )[1]


async def try_broker(host: str, port: int, options: Mapping[str, Any], limit: float) -> Exception | None:
    """Connect to a broker and put one question to it, in `limit` seconds; returns what goes wrong."""
    try:
        async with asyncio.timeout(limit):
            connection = await create_conn(host, port, **options)
            try:
                # A broker that requires authentication closes the connection of a client that does not authenticate.
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except UNREACHED as error:
        return error
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__


def _refused(error: Exception) -> bool:
    return any(isinstance(cause, (errors.KafkaError, ssl.SSLError)) for cause in causes(error))


def words(error: Exception, options: Mapping[str, Any], limit: float) -> str:
    """Describe why a connection with these options failed; `limit` is its time limit in seconds."""
    protocol = f"ADAPTER_KAFKA__SECURITY_PROTOCOL={options['security_protocol']}"
    text = f"the broker closes the connection: does it support {protocol} here?"
    for cause in causes(error):
        match cause:
            case errors.SaslAuthenticationFailed():
                said = " ".join(map(str, cause.args))
                text = f"authentication failed ({said}): check ADAPTER_KAFKA__SASL_USERNAME and its password"
            case errors.UnsupportedSaslMechanismError():
                text = f"the broker does not support ADAPTER_KAFKA__SASL_MECHANISM={options['sasl_mechanism']} here"
            case errors.IllegalSaslStateError():
                text = f"the broker does not authenticate clients here: check {protocol}"
            case ssl.SSLCertVerificationError():
                check = "" if cause.verify_code in AUTHORITY_NOT_TO_BLAME else ": check ADAPTER_KAFKA__SSL_CAFILE"
                text = f"the broker's certificate is not accepted ({cause.verify_message}){check}"
            case ssl.SSLError():
                text = f"TLS failed ({cause.reason or cause}): check ADAPTER_KAFKA__SSL_CERTFILE, and {protocol}"
            case TimeoutError():
                text = f"no answer within {limit:g} s"
            case errors.KafkaConnectionError() | ConnectionResetError() | EOFError():
                continue  # its cause may say more
            case _:
                text = str(cause)
        break
    return text
