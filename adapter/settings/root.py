"""All settings together, and the values that follow from others when the operator did not give them."""

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
    """Every setting of the adapter. Made by `load_settings` only: it checks the rules and fills in what follows.

    Times in seconds, sizes in bytes.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        enable_decoding=False,  # `kinds` decodes JSON, so that a mistake is one problem among the others
        validate_default=True,
    )

    mqtt: MqttSettings = MqttSettings()
    limits: LimitSettings = LimitSettings()
    tls: TlsSettings = TlsSettings()
    ws: WsSettings = WsSettings()
    wss: WssSettings = WssSettings()
    delivery: kinds.AnyDelivery = Field(
        default=Delivery.AT_LEAST_ONCE,
        description="`at_least_once`, or `at_most_once`: your word that losses are acceptable.",
    )
    kafka: KafkaSettings = KafkaSettings()
    max_pending_bytes: kinds.Positive = Field(
        default=67_108_864, description="Bytes of all messages that wait for Kafka; beyond it sockets are not read."
    )
    qos0_overflow: kinds.AnyOverflow = Field(
        default=kinds.Overflow.DROP_NEWEST,
        description="When these are used up: `drop_newest` lets a QoS 0 message wait up to 0.5 s while Kafka moves, "
        "and then drops it; `drop_oldest` drops the QoS 0 messages that have waited longest in its favour.",
    )
    auth: AuthSettings = AuthSettings()
    routes_file: kinds.OptionalText = Field(
        default=None, description="TOML file with routes of your own, tried before the built-in ones."
    )
    http: HttpSettings = HttpSettings()
    drain_timeout: kinds.Seconds = Field(default=20.0, description="Seconds that SIGTERM grants to what is pending.")
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
        """Read no environment behind the caller's back: `load_settings` is given one."""
        return (init_settings,)

    @property
    def can_deliver_at_least_once(self) -> bool:
        """Whether the producer is configured so that a route may ask for at least once, whatever the default is.

        The source document: "To send messages with both delivery semantics with the same producer, it MUST be
        configured for AT LEAST ONCE".
        """
        return self.kafka.acks is kinds.Acks.ALL


def with_what_follows(settings: Settings, given: frozenset[str]) -> Settings:
    """Fill in what other values decide, where the variable is not among the `given`.

    - `ACKS` other than `all`: no idempotence, which Kafka only has with `all`.
    - `ACKS=0`: PUBACK on receipt, because nothing comes back from Kafka to wait for.
    - A short delivery timeout: a request does not wait longer than that.
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
