"""Options for connecting and writing to Kafka, and their translation into aiokafka's arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiokafka.helpers import create_ssl_context

from adapter.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl

# `BatchBuilder` refuses records over its limit. Delivery's estimates of sizes are too high, so it never does.
BATCH_SIZE_SLACK = 2


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """`acks` is "all", "1" or "0"; sizes are in bytes, times in ms; the names are those of Kafka's own clients.

    The caller must not pass batches larger than `max_batch_size`.
    """

    bootstrap_servers: str
    client_id: str = "mqtt-kafka-adapter"
    acks: str = "all"
    enable_idempotence: bool = True
    max_batch_size: int = 262_144
    compression_type: str | None = None
    request_timeout_ms: int = 30_000
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_key_password: str | None = field(default=None, repr=False)

    def connection(self) -> dict[str, Any]:
        """Return the arguments of producers and consumers. Raises ConfigurationError if a certificate cannot be used.

        Reads the certificates each time, so a new producer uses renewed ones.
        """
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context() if self.security_protocol.endswith("SSL") else None,
            "sasl_mechanism": self.sasl_mechanism or "PLAIN",
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
        }

    def production(self) -> dict[str, Any]:
        """Return the arguments of producers only. aiokafka always has one request in flight per broker."""
        assert self.acks == "all" or not self.enable_idempotence, "the settings' rules require it"
        return {
            "acks": "all" if self.acks == "all" else int(self.acks),
            "enable_idempotence": self.enable_idempotence,
            "max_batch_size": BATCH_SIZE_SLACK * self.max_batch_size,
            "compression_type": self.compression_type,
            "linger_ms": 0,  # lanes collect records; a batch that is handed over is complete
        }

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context: ssl.SSLContext = create_ssl_context(
                cafile=self.ssl_cafile,
                certfile=self.ssl_certfile,
                keyfile=self.ssl_keyfile,
                password=self.ssl_key_password or "",  # with None, OpenSSL would prompt on the terminal
            )
        except (OSError, ValueError) as error:
            files = (self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)
            named = ", ".join(file for file in files if file)
            # OpenSSL's only hint that the password does not decrypt the key.
            hint = "; does ADAPTER_KAFKA__SSL_KEY_PASSWORD decrypt the key?" if "PEM lib" in str(error) else ""
            raise ConfigurationError(f"ADAPTER_KAFKA__SSL_*: cannot use {named}: {error}{hint}") from error
        return context
