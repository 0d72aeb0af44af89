"""One frozen class per part of the adapter: names, defaults and limits of its variables, each with its description.

A field `x` of the part `p` is the variable `ADAPTER_P__X`. `repr=False` marks a secret: its value is in no log,
error or `repr`. Descriptions are what operators read in README.md and `config/adapter.env.example`.
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
    """What all parts have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class MqttSettings(Part):
    """The MQTT front end. Sizes in bytes, times in seconds; `port` is None when the listener is off."""

    host: kinds.Hosts = Field(
        default=EVERY_ADDRESS,
        description="Address of the plain TCP listener, or several with commas between (`0.0.0.0,::` with IPv6).",
    )
    port: kinds.Port = Field(default=1883, description="Port of the plain TCP listener; empty: off.")
    unix_socket: kinds.OptionalText = Field(
        default=None, description="Path of a Unix socket that takes plain MQTT too; empty: off."
    )
    proxy_protocol_from: kinds.Networks = Field(
        default=(),
        description="Load balancers, as addresses or networks with commas between, whose connections must begin with "
        "a PROXY header (version 1 or 2), on every listener; nobody else's may.",
    )
    handshake_timeout: kinds.PositiveSeconds = Field(
        default=10.0,
        description="Seconds from accepting a connection to the end of its PROXY header, TLS handshake and WebSocket "
        "upgrade.",
    )
    max_packet_size: Annotated[int, Field(ge=128, le=MQTT_LARGEST_PACKET)] = Field(
        default=262_144, description="Largest MQTT packet taken, bytes."
    )
    max_topic_length: Annotated[int, Field(ge=1, le=TWO_BYTES)] = Field(
        default=1024, description="Longest topic name taken, bytes of UTF-8."
    )
    max_connections: kinds.Positive = Field(
        default=50_000,
        description="Connections at a time; one more is refused with CONNACK 0x03 (3.1.1) or 0x97 (5.0).",
    )
    connect_timeout: kinds.PositiveSeconds = Field(
        default=10.0,
        description="Seconds from accepting a connection, or from the end of its handshake, to its complete "
        "CONNECT packet.",
    )
    receive_maximum: Annotated[int, Field(ge=1, le=TWO_BYTES)] = Field(
        default=1000,
        description="Unacknowledged publishes with QoS > 0 per connection; beyond it the connection is not read.",
    )
    max_sessions: kinds.Positive = Field(
        default=50_000,
        description="Sessions kept for devices that are away; beyond it the one that was left first is forgotten.",
    )
    max_unreleased: kinds.Positive = Field(
        default=1_000_000,
        description="QoS 2 messages between PUBREC and PUBREL, of all sessions, about 100 bytes each; beyond it "
        "publishes with QoS 2 are refused.",
    )
    topic_alias_maximum: Annotated[int, Field(ge=0, le=TWO_BYTES)] = Field(
        default=64, description="Topic aliases a connection may define (MQTT 5.0); 0: none."
    )
    max_will_bytes: kinds.Positive = Field(
        default=67_108_864,
        description="Bytes of all Wills together, each with the key and headers of its record and 1 KiB besides its "
        "payload; beyond it a CONNECT with a Will is refused with 0x03 (3.1.1) or 0x97 (5.0).",
    )
    check_payload_format: bool = Field(
        default=False,
        description="Refuse messages that are not UTF-8 although their Payload Format Indicator says so (MQTT 5.0).",
    )
    server_keep_alive: kinds.KeepAlive = Field(
        default=None,
        description="Longest keep-alive of an MQTT 5.0 device, seconds; who asks for more, or for none, is told. "
        "Empty: as long as it likes.",
    )
    kafka_receipt: bool = Field(
        default=True,
        description="Tell MQTT 5.0 devices that ask for it where in Kafka each of their messages is.",
    )
    puback: kinds.AnyPuback = Field(
        default=Puback.AFTER_KAFKA,
        description="When a QoS 1 publish is acknowledged: `after_kafka`, or `on_receipt` (only with "
        "`ADAPTER_DELIVERY=at_most_once`; the default with `ADAPTER_KAFKA__ACKS=0`).",
    )


class TlsSettings(Part):
    """The TLS listener, and the certificates of the secure WebSocket listener too."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the TLS listener.")
    port: kinds.Port = Field(default=None, description="Its port, usually 8883; empty: off.")
    certfile: kinds.OptionalText = Field(
        default=None,
        description="PEM file with the server's certificate and those between it and its authority. It may be renewed "
        "at any time: it is read again when a file changes, and on SIGHUP.",
    )
    keyfile: kinds.OptionalText = Field(
        default=None, description="PEM file with its key; empty: the key is in the certificate's file."
    )
    key_password: kinds.OptionalSecret = Field(default=None, repr=False, description="Password of that key.")
    minimum_version: kinds.AnyTlsVersion = Field(
        default=kinds.TlsVersion.V1_2, description="Oldest version of TLS that is spoken: `1.2` or `1.3`."
    )
    client_certificates: kinds.AnyClientCertificates = Field(
        default=kinds.ClientCertificates.OFF,
        description="`off`; `optional`: one that is shown must be good; `required`: nobody connects without.",
    )
    cafile: kinds.OptionalText = Field(
        default=None, description="PEM file with the authorities that may sign clients' certificates."
    )
    crlfile: kinds.OptionalText = Field(
        default=None,
        description="PEM file with those authorities' revocation lists; one that is over refuses all of its clients.",
    )


class WsSettings(Part):
    """The plain WebSocket listener, and what holds for the secure one too."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the WebSocket listener.")
    port: kinds.Port = Field(default=None, description="Its port; empty: off.")
    path: kinds.Path = Field(default="/mqtt", description="Path of both WebSocket listeners.")
    origins: kinds.Origins = Field(
        default=(),
        description="Web pages that may connect to them, as `https://example.com` with commas between; empty: all. "
        "Programs that are no browser may always.",
    )


class WssSettings(Part):
    """The secure WebSocket listener; its certificates are those of TLS."""

    host: kinds.Hosts = Field(default=EVERY_ADDRESS, description="Addresses of the secure WebSocket listener.")
    port: kinds.Port = Field(default=None, description="Its port; empty: off. `ADAPTER_TLS__…` names its certificate.")


class KafkaSettings(Part):
    """The Kafka producer. Sizes in bytes, times named `…_ms` in milliseconds, others in seconds."""

    bootstrap_servers: kinds.Servers = Field(
        default="localhost:9092",
        description="Kafka brokers to ask first, `host:port` with commas between; `embedded`: an in-memory "
        "broker for trying out.",
    )
    client_id: kinds.Text = Field(
        default="mqtt-kafka-adapter", description="The adapter's name in Kafka's logs and quotas."
    )
    acks: kinds.AnyAcks = Field(
        default=Acks.ALL,
        description="Who must have a record before Kafka answers: `all` in-sync replicas, `1` broker, `0` nobody. "
        "Anything but `all` needs `ADAPTER_DELIVERY=at_most_once`.",
    )
    enable_idempotence: bool = Field(
        default=True,
        description="Let Kafka drop the duplicates of its client's own retries; needs `ADAPTER_KAFKA__ACKS=all`, and "
        "is `false` by itself with any other. Order is kept either way: one request is in flight per broker.",
    )
    delivery_timeout_ms: kinds.Positive = Field(
        default=120_000,
        description="How long a message may wait for Kafka before it is given up, ms; retries have no other limit.",
    )
    request_timeout_ms: kinds.Positive = Field(
        default=30_000,
        description="How long one request may wait for a broker's answer, ms; when not set, no longer than the "
        "delivery timeout.",
    )
    linger_ms: kinds.Milliseconds = Field(
        default=0.0,
        description="How long an idle partition collects records before it sends them, ms; a busy one always collects.",
    )
    max_batch_size: kinds.Positive = Field(
        default=262_144,
        description="Largest batch of records, bytes before compression; smaller for a topic whose `max.message.bytes` "
        "is smaller, which the right to DescribeConfigs lets the adapter see.",
    )
    compression_type: kinds.AnyCompression = Field(
        default=Compression.NONE, description="`none`, `gzip`, `snappy`, `lz4` or `zstd`."
    )
    topic_refresh_interval: kinds.PositiveSeconds = Field(
        default=30.0, description="Seconds between two looks at Kafka's topics: new topics, changed partition counts."
    )
    telemetry_topic: kinds.Text = Field(
        default="hono.telemetry.{tenant}", description="Kafka topic of telemetry messages."
    )
    event_topic: kinds.Text = Field(default="hono.event.{tenant}", description="Kafka topic of events.")
    orig_adapter: kinds.Text = Field(default="hono-mqtt", description="Value of the record header `orig_adapter`.")
    dead_letter_topic: kinds.OptionalText = Field(
        default=None,
        description="Kafka topic for messages that are refused for good, which are acknowledged to their device then; "
        "empty: devices are told of the refusal.",
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
        description="PEM file with the authorities that may sign the brokers' certificates; empty: the system's.",
    )
    ssl_certfile: kinds.OptionalText = Field(default=None, description="PEM file with the adapter's own certificate.")
    ssl_keyfile: kinds.OptionalText = Field(default=None, description="PEM file with that certificate's key.")
    ssl_key_password: kinds.OptionalSecret = Field(default=None, repr=False, description="Password of that key.")


class AuthSettings(Part):
    """Who may connect and publish. Times in seconds."""

    required: bool = Field(
        default=True,
        description="`false` lets devices in without credentials; tenant and device then come from the topic.",
    )
    plugins: kinds.Plugins = Field(
        default_factory=dict,
        repr=False,  # a plugin's configuration may hold its passwords
        description="amqtt plugins that check credentials and topics, as JSON: class → its configuration.",
    )
    certificate_identity: kinds.OptionalText = Field(
        default=None,
        description="Where in a client certificate tenant and device stand: `CN={device}@{tenant}`, "
        "`O={tenant},CN={device}`, `uri=spiffe://example.com/{tenant}/{device}`, `tenant=demo,CN={device}`; kinds are "
        "those of the subject, `dns`, `uri`, `email` and `ip`. Such a device needs no user name.",
    )
    gateways: kinds.Gateways = Field(
        default=(),
        description="User names, or patterns of them, that may publish for other devices of their tenant: "
        "`auth-id@tenant` with commas between, or a JSON list; `*` stands for any text.",
    )
    threads: Annotated[int, Field(ge=1, le=256)] = Field(
        default=4, description="Threads for the password checks that would otherwise hold up every connection."
    )
    timeout: kinds.PositiveSeconds = Field(
        default=10.0, description="Seconds a plugin may take for one answer; a device that waited longer is refused."
    )


class HttpSettings(Part):
    """Health and metrics; `port` is None when the endpoint is off."""

    host: kinds.Text = Field(default=EVERY_ADDRESS, description="Address of `/livez`, `/readyz` and `/metrics`.")
    port: kinds.Port = Field(default=8080, description="Their port; empty: off.")


class LogSettings(Part):
    """What is written to standard error, and how."""

    level: kinds.AnyLogLevel = Field(default=LogLevel.INFO, description="`debug`, `info`, `warning` or `error`.")
    format: kinds.AnyLogFormat = Field(default=LogFormat.JSON, description="`json`, or `console` for people.")
