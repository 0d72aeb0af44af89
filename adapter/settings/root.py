"""All settings together, and the defaults that depend on other values."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapter.model import Delivery
from adapter.settings import kinds
from adapter.settings.limits import LimitSettings
from adapter.settings.parts import (
    AuthSettings,
    HttpSettings,
    KafkaSettings,
    LogSettings,
    MqttSettings,
    TlsSettings,
    WsSettings,
    WssSettings,
)

PREFIX = "ADAPTER_"
NESTING = "__"


class Settings(BaseSettings):
    """Every setting of the adapter. Create it with `load_settings`, which checks the rules and derives defaults.

    Times in seconds, sizes in bytes.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        enable_decoding=False,  # `kinds` decodes JSON, so that invalid JSON is reported with all other problems
        validate_default=True,
    )

    mqtt: MqttSettings = MqttSettings()
    limits: LimitSettings = LimitSettings()
    tls: TlsSettings = TlsSettings()
    ws: WsSettings = WsSettings()
    wss: WssSettings = WssSettings()
    delivery: kinds.AnyDelivery = Field(
        default=Delivery.AT_LEAST_ONCE,
        description="`at_least_once`, or `at_most_once`, which states that losing messages is acceptable.",
    )
    kafka: KafkaSettings = KafkaSettings()
    max_pending_bytes: kinds.Positive = Field(
        default=67_108_864,
        description="Bytes of all messages that wait for Kafka; beyond it the adapter stops reading sockets.",
    )
    qos0_overflow: kinds.AnyOverflow = Field(
        default=kinds.Overflow.DROP_NEWEST,
        description="When the pending bytes are used up: `drop_newest` lets a QoS 0 message wait up to 0.5 s for "
        "room, then drops it; `drop_oldest` drops those that have waited longest instead.",
    )
    auth: AuthSettings = AuthSettings()
    routes_file: kinds.OptionalText = Field(
        default=None, description="TOML file with your own routes, tried before the built-in ones."
    )
    http: HttpSettings = HttpSettings()
    drain_timeout: kinds.Seconds = Field(
        default=20.0, description="Seconds that pending messages have to reach Kafka after SIGTERM."
    )
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Never read the process environment: `load_settings` gets one as its argument."""
        return (init_settings,)

    @property
    def can_deliver_at_least_once(self) -> bool:
        """Whether the producer's configuration lets a route ask for at-least-once delivery, whatever the default is.

        The source document: "To send messages with both delivery semantics with the same producer, it MUST be
        configured for AT LEAST ONCE".
        """
        return self.kafka.acks is kinds.Acks.ALL


def with_what_follows(settings: Settings, given: frozenset[str]) -> Settings:
    """Derive the defaults that depend on other values, for variables that are not among the `given`.

    - `ACKS` other than `all` turns off idempotence, which Kafka supports only with `all`.
    - `ACKS=0` sends PUBACKs on receipt, because Kafka sends no answer to wait for.
    - The request timeout is no longer than the delivery timeout.
    """
    kafka = settings.kafka
    mqtt = settings.mqtt
    if kafka.acks is not kinds.Acks.ALL and "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE" not in given:
        kafka = kafka.model_copy(update={"enable_idempotence": False})
    if kafka.acks is kinds.Acks.NONE and "ADAPTER_MQTT__PUBACK" not in given:
        mqtt = mqtt.model_copy(update={"puback": kinds.Puback.ON_RECEIPT})
    if "ADAPTER_KAFKA__REQUEST_TIMEOUT_MS" not in given:
        at_most = min(kafka.request_timeout_ms, kafka.delivery_timeout_ms)
        kafka = kafka.model_copy(update={"request_timeout_ms": at_most})
    return settings.model_copy(update={"mqtt": mqtt, "kafka": kafka})
