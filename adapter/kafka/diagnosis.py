"""Why Kafka cannot be reached, in words for operators.

aiokafka tells its log, and raises "Unable to bootstrap" whatever the reason. So after such a failure one more
connection is tried here, as aiokafka makes them, and what becomes of it is put into words. No secret is among them.
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

DIAGNOSIS_SECONDS = 3.0  # brokers answer in milliseconds, or are away

# OpenSSL's X509_V_ERR_… CERT_NOT_YET_VALID, CERT_HAS_EXPIRED, HOSTNAME_MISMATCH and IP_ADDRESS_MISMATCH.
AUTHORITY_NOT_TO_BLAME = (9, 10, 62, 64)


async def why_unreachable(
    client: AIOKafkaClient, connection: Mapping[str, Any], limit: float = DIAGNOSIS_SECONDS
) -> str | None:
    """Try where a client would look for brokers; returns what goes wrong there, None if nothing does.

    These are the bootstrap servers, and where the brokers that it knows say that they are. All are tried at the same
    time, for `limit` seconds. `connection` is that of `KafkaOptions`.
    """
    options = {name: value for name, value in connection.items() if name != "bootstrap_servers"}
    known = [(broker.host, broker.port) for broker in client.cluster.brokers()]
    addresses = dict.fromkeys([(host, port) for host, port, _ in client.hosts] + known)
    failures = await asyncio.gather(*(_failure(host, port, options, limit) for host, port in addresses))
    found = [
        # A broker that answers and refuses tells more than one that does not answer.
        (not _refused(failure), f"{host}:{port}: {words(failure, options, limit)}")
        for (host, port), failure in zip(addresses, failures, strict=True)
        if failure is not None
    ]
    return min(found)[1] if found else None


async def _failure(host: str, port: int, options: dict[str, Any], limit: float) -> Exception | None:
    try:
        async with asyncio.timeout(limit):
            connection = await create_conn(host, port, **options)
            try:
                # A broker that asks for authentication says nothing to one who does not, but closes the connection.
                await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except (OSError, errors.KafkaError) as error:
        return error
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _refused(error: Exception) -> bool:
    return any(isinstance(cause, (errors.KafkaError, ssl.SSLError)) for cause in causes(error))


def words(error: Exception, options: Mapping[str, Any], limit: float) -> str:
    """What a failure of a connection made with these options means, after `limit` seconds at most."""
    protocol = f"ADAPTER_KAFKA__SECURITY_PROTOCOL={options['security_protocol']}"
    text = f"the broker closes the connection: does it speak {protocol} here?"
    for cause in causes(error):
        match cause:
            case errors.SaslAuthenticationFailed():
                said = " ".join(map(str, cause.args))
                text = f"authentication failed ({said}): check ADAPTER_KAFKA__SASL_USERNAME and its password"
            case errors.UnsupportedSaslMechanismError():
                text = f"the broker does not take ADAPTER_KAFKA__SASL_MECHANISM={options['sasl_mechanism']} here"
            case errors.IllegalSaslStateError():
                text = f"the broker does not authenticate anyone here: check {protocol}"
            case ssl.SSLCertVerificationError():
                check = "" if cause.verify_code in AUTHORITY_NOT_TO_BLAME else ": check ADAPTER_KAFKA__SSL_CAFILE"
                text = f"the broker's certificate is not accepted ({cause.verify_message}){check}"
            case ssl.SSLError():
                text = f"TLS failed ({cause.reason or cause}): check ADAPTER_KAFKA__SSL_CERTFILE, and {protocol}"
            case TimeoutError():
                text = f"no answer within {limit:g} s"
            case errors.KafkaConnectionError() | ConnectionResetError() | EOFError():
                continue  # it may have a cause that tells more
            case _:
                text = str(cause)
        break
    return text
