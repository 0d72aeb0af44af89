"""One frozen class per part of the adapter: names, defaults, limits and descriptions of its variables.

Field `x` of part `p` is the variable `ADAPTER_P__X`. `repr=False` marks a secret: its value appears in no log, error or
`repr`. Operators read the descriptions in README.md and `config/adapter.env.example`.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adapter.settings import kinds
from adapter.settings.kinds import Acks, Compression, LogFormat, LogLevel, Puback, SecurityProtocol

# The largest MQTT packet: a Remaining Length of 268,435,455 bytes and a fixed header of 5 (MQTT 5.0 section 2.1.4).
MQTT_LARGEST_PACKET = 268_435_460
TWO_BYTES = 65_535
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - devices and probes come from other machines


class Part(BaseModel):
    """The base of all parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class MqttSettings(Part):
    """The MQTT front end. Sizes in bytes, times in seconds; `port` is None when the listener is off."""

    host: kinds.Hosts = Field(
        default=EVERY_ADDRESS,
        description="Address of the plain TCP listener, or several separated by commas (`0.0.0.0,::` includes IPv6).",
    )
    port: kinds.Port = Field(default=1883, description="Port of the plain TCP listener; empty: off.")
    unix_socket: kinds.OptionalText = Field(
        default=None, description="Path of a Unix socket for plain MQTT; empty: off."
    )
    proxy_protocol_from: kinds.Networks = Field(
        default=(),
        description="Load balancers, as comma-separated addresses or networks. Their connections, on every listener, "
        "must begin with a PROXY header (version 1 or 2); no other connection may.",
    )
    handshake_timeout: kinds.PositiveSeconds = Field(
        default=10.0,
        description="Seconds to complete the PROXY header, TLS handshake and WebSocket upgrade of a new connection.",
    )
    max_packet_size: Annotated[int, Field(ge=128, le=MQTT_LARGEST_PACKET)] = Field(
        default=262_144, description="Largest MQTT packet accepted, bytes."
    )
    max_topic_length: Annotated[int, Field(ge=1, le=TWO_BYTES)] = Field(
        default=1024, description="Longest topic name accepted, bytes of UTF-8."
    )
    max_connections: kinds.Positive = Field(
        default=50_000,
        description="Simultaneous authenticated connections; one more is refused with CONNACK 0x03 (3.1.1) or 0x97 "
        "(5.0), unless it replaces an older connection of the same device.",
    )
    connect_timeout: kinds.PositiveSeconds = Field(
        default=10.0,
        description="Seconds from accepting a connection, or from the end of its handshake, to its complete CONNECT.",
    )
    receive_maximum: Annotated[int, Field(ge=1, le=TWO_BYTES)] = Field(
        default=1000,
        description="Unacknowledged QoS 1 and 2 messages per connection. Beyond it the adapter stops reading from a "
        "3.1.1 connection, and closes a 5.0 connection with DISCONNECT 0x93.",
    )
    max_sessions: kinds.Positive = Field(
        default=50_000,
        description="Sessions kept for disconnected devices; beyond it the one that disconnected first is discarded.",
    )
    max_unreleased: kinds.Positive = Field(
        default=1_000_000,
        description="QoS 2 messages between PUBREC and PUBREL in all sessions, about 100 bytes each; beyond it QoS 2 "
        "messages are refused.",
    )
    topic_alias_maximum: Annotated[int, Field(ge=0, le=TWO_BYTES)] = Field(
        default=64, description="Topic aliases a connection may define (MQTT 5.0); 0: none."
    )
    max_will_bytes: kinds.Positive = Field(
        default=67_108_864,
        description="Bytes of all Wills together, each counted as its payload, the key and headers of its record, and "
        "1 KiB; beyond it a CONNECT with a Will is refused with 0x03 (3.1.1) or 0x97 (5.0).",
    )
    check_payload_format: bool = Field(
        default=False,
        description="Refuse messages whose Payload Format Indicator says UTF-8 but whose payload is not (MQTT 5.0).",
    )
    server_keep_alive: kinds.KeepAlive = Field(
        default=None,
        description="Longest keep-alive of an MQTT 5.0 device, seconds. A device that asks for more, or for none, is "
        "told to use this one. Empty: no limit.",
    )
    kafka_receipt: bool = Field(
        default=True,
        description="Tell MQTT 5.0 devices that ask for it the topic, partition and offset of each message.",
    )
    puback: kinds.AnyPuback = Field(
        default=Puback.AFTER_KAFKA,
        description="When a QoS 1 or 2 message is acknowledged: `after_kafka`, or `on_receipt` (only with "
        "`ADAPTER_DELIVERY=at_most_once`; the default with `ADAPTER_KAFKA__ACKS=0`).",
    )


class TlsSettings(Part):
    """The TLS listener. The secure WebSocket listener uses the same certificates."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the TLS listener.")
    port: kinds.Port = Field(default=None, description="Port of the TLS listener, usually 8883; empty: off.")
    certfile: kinds.OptionalText = Field(
        default=None,
        description="PEM file with the server's certificate and the intermediate certificates. The adapter reads it "
        "again when it changes, and on SIGHUP.",
    )
    keyfile: kinds.OptionalText = Field(
        default=None, description="PEM file with the certificate's key; empty: the key is in the certificate's file."
    )
    key_password: kinds.OptionalSecret = Field(default=None, repr=False, description="Password of the key.")
    minimum_version: kinds.AnyTlsVersion = Field(
        default=kinds.TlsVersion.V1_2, description="Oldest TLS version accepted: `1.2` or `1.3`."
    )
    client_certificates: kinds.AnyClientCertificates = Field(
        default=kinds.ClientCertificates.OFF,
        description="`off`; `optional`: a certificate that is presented must be valid; `required`: every client needs "
        "one.",
    )
    cafile: kinds.OptionalText = Field(
        default=None, description="PEM file with the authorities that may sign client certificates."
    )
    crlfile: kinds.OptionalText = Field(
        default=None,
        description="PEM file with those authorities' revocation lists. An expired list refuses all of its authority's "
        "clients.",
    )


class WsSettings(Part):
    """The plain WebSocket listener. `path` and `origins` apply to the secure one, too."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the WebSocket listener.")
    port: kinds.Port = Field(default=None, description="Port of the WebSocket listener; empty: off.")
    path: kinds.Path = Field(default="/mqtt", description="Path of both WebSocket listeners.")
    origins: kinds.Origins = Field(
        default=(),
        description="Origins of web pages that may connect to them, separated by commas, such as "
        "`https://example.com`; empty: all. Clients that are not browsers may always connect.",
    )


class WssSettings(Part):
    """The secure WebSocket listener. It uses the certificates of the TLS listener."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the secure WebSocket listener.")
    port: kinds.Port = Field(
        default=None,
        description="Port of the secure WebSocket listener; empty: off. `ADAPTER_TLS__…` names its certificate.",
    )


class KafkaSettings(Part):
    """The Kafka producer. Sizes in bytes, times named `…_ms` in milliseconds, others in seconds."""

    bootstrap_servers: kinds.Servers = Field(
        default="localhost:9092",
        description="Kafka brokers to contact first, `host:port` separated by commas; `embedded`: an in-memory "
        "broker for trying out.",
    )
    client_id: kinds.Text = Field(
        default="mqtt-kafka-adapter", description="Name of the adapter in Kafka's logs and quotas."
    )
    acks: kinds.AnyAcks = Field(
        default=Acks.ALL,
        description="Replicas that must have a record before Kafka answers: `all` in-sync replicas, `1` the leader, "
        "`0` none. Values other than `all` need `ADAPTER_DELIVERY=at_most_once`.",
    )
    enable_idempotence: bool = Field(
        default=True,
        description="Let Kafka drop duplicates from the client's own retries; without it they are not counted either. "
        "Needs `ADAPTER_KAFKA__ACKS=all`, and defaults to `false` with any other value. Order is kept either way: one "
        "request is in flight per broker.",
    )
    delivery_timeout_ms: kinds.Positive = Field(
        default=120_000,
        description="How long a message may wait for Kafka before the adapter gives it up, ms. Nothing else limits "
        "retries.",
    )
    request_timeout_ms: kinds.Positive = Field(
        default=30_000,
        description="How long one request may wait for a broker's answer, ms; if not set, no longer than the "
        "delivery timeout.",
    )
    linger_ms: kinds.Milliseconds = Field(
        default=0.0,
        description="How long an idle partition collects records before sending them, ms; a busy one always collects.",
    )
    max_batch_size: kinds.Positive = Field(
        default=262_144,
        description="Largest batch of records, bytes before compression. A topic's smaller `max.message.bytes` takes "
        "precedence; the adapter needs the DescribeConfigs right to read it.",
    )
    compression_type: kinds.AnyCompression = Field(
        default=Compression.NONE, description="`none`, `gzip`, `snappy`, `lz4` or `zstd`."
    )
    topic_refresh_interval: kinds.PositiveSeconds = Field(
        default=30.0, description="Seconds between checks for new topics and changed partition counts."
    )
    telemetry_topic: kinds.Text = Field(
        default="hono.telemetry.{tenant}", description="Kafka topic of telemetry messages."
    )
    event_topic: kinds.Text = Field(default="hono.event.{tenant}", description="Kafka topic of events.")
    orig_adapter: kinds.Text = Field(default="hono-mqtt", description="Value of the record header `orig_adapter`.")
    dead_letter_topic: kinds.OptionalText = Field(
        default=None,
        description="Kafka topic for messages that are refused for good; their devices then get an acknowledgement. "
        "Empty: devices get the refusal.",
    )
    security_protocol: kinds.AnySecurityProtocol = Field(
        default=SecurityProtocol.PLAINTEXT, description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`."
    )
    sasl_mechanism: kinds.AnySaslMechanism = Field(
        default=None, description="`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with a SASL security protocol."
    )
    sasl_username: kinds.OptionalText = Field(default=None, description="User name for SASL.")
    sasl_password: kinds.OptionalSecret = Field(default=None, repr=False, description="Password for SASL.")
    ssl_cafile: kinds.OptionalText = Field(
        default=None,
        description="PEM file with the authorities that may sign broker certificates; empty: the system's.",
    )
    ssl_certfile: kinds.OptionalText = Field(default=None, description="PEM file with the adapter's own certificate.")
    ssl_keyfile: kinds.OptionalText = Field(default=None, description="PEM file with that certificate's key.")
    ssl_key_password: kinds.OptionalSecret = Field(default=None, repr=False, description="Password of the key.")


class AuthSettings(Part):
    """Who may connect and publish. Times in seconds."""

    required: bool = Field(
        default=True,
        description="`false` accepts devices without credentials; the topic then names tenant and device.",
    )
    plugins: kinds.Plugins = Field(
        default_factory=dict,
        repr=False,  # a plugin's configuration may hold its passwords
        description="amqtt plugins that check credentials and topics, as JSON: class → its configuration.",
    )
    certificate_identity: kinds.OptionalText = Field(
        default=None,
        description="Where a client certificate names tenant and device: `CN={device}@{tenant}`, "
        "`O={tenant},CN={device}`, `uri=spiffe://example.com/{tenant}/{device}`, `tenant=demo,CN={device}`. It may use "
        "subject attributes, `dns`, `uri`, `email` and `ip`. Such a device needs no user name.",
    )
    gateways: kinds.Gateways = Field(
        default=(),
        description="User names that may publish for other devices of their tenant: `auth-id@tenant` separated by "
        "commas, or a JSON list; `*` matches any text.",
    )
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=4, description="Threads for password checks, which would otherwise delay every connection."
    )
    timeout: kinds.PositiveSeconds = Field(
        default=10.0, description="Seconds a plugin may take for one answer; after that the device is refused."
    )


class HttpSettings(Part):
    """Health and metrics; `port` is None when the endpoint is off."""

    host: kinds.Text = Field(default=EVERY_ADDRESS, description="Address of `/livez`, `/readyz` and `/metrics`.")
    port: kinds.Port = Field(default=8080, description="Port of the HTTP endpoint; empty: off.")


class LogSettings(Part):
    """The log on standard error."""

    level: kinds.AnyLogLevel = Field(default=LogLevel.INFO, description="`debug`, `info`, `warning` or `error`.")
    format: kinds.AnyLogFormat = Field(default=LogFormat.JSON, description="`json`, or `console` for text.")
