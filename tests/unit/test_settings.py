"""`adapter.settings`: what an environment becomes, and what an operator reads when it cannot be run."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ConfigurationError
from adapter.model import Delivery
from adapter.settings import Acks, Puback, describe, load_settings
from tests.support.settings import problems

NAMES = [variable.name for variable in describe()]


def value_of(variable: str, text: str) -> object:
    """Set one variable and return the value of its setting."""
    value: object = load_settings({variable: text})
    for name in variable.removeprefix("ADAPTER_").lower().split("__"):
        value = getattr(value, name)
    return value


# -- names and defaults ------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_contract() -> None:
    """The names and defaults that operators were promised do not change by accident."""
    contract = {
        "ADAPTER_MQTT__HOST": "0.0.0.0",  # noqa: S104 - the default
        "ADAPTER_MQTT__PORT": "1883",
        "ADAPTER_MQTT__MAX_PACKET_SIZE": "262144",
        "ADAPTER_MQTT__MAX_CONNECTIONS": "50000",
        "ADAPTER_MQTT__CONNECT_TIMEOUT": "10",
        "ADAPTER_MQTT__RECEIVE_MAXIMUM": "1000",
        "ADAPTER_MQTT__PUBACK": "after_kafka",
        "ADAPTER_DELIVERY": "at_least_once",
        "ADAPTER_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
        "ADAPTER_KAFKA__ACKS": "all",
        "ADAPTER_KAFKA__ENABLE_IDEMPOTENCE": "true",
        "ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS": "120000",
        "ADAPTER_KAFKA__MAX_BATCH_SIZE": "262144",
        "ADAPTER_KAFKA__COMPRESSION_TYPE": "none",
        "ADAPTER_KAFKA__TELEMETRY_TOPIC": "hono.telemetry.{tenant}",
        "ADAPTER_KAFKA__EVENT_TOPIC": "hono.event.{tenant}",
        "ADAPTER_MAX_PENDING_BYTES": "67108864",
        "ADAPTER_AUTH__REQUIRED": "true",
        "ADAPTER_AUTH__PLUGINS": "{}",
        "ADAPTER_ROUTES_FILE": "",
        "ADAPTER_HTTP__HOST": "0.0.0.0",  # noqa: S104 - the default
        "ADAPTER_HTTP__PORT": "8080",
        "ADAPTER_DRAIN_TIMEOUT": "20",
        "ADAPTER_LOG__LEVEL": "info",
        "ADAPTER_LOG__FORMAT": "json",
    }
    defaults = {variable.name: variable.default for variable in describe()}
    assert contract == {name: defaults[name] for name in contract}


def test_every_default_can_be_written_as_a_value() -> None:
    """An operator who sets each variable to the default that the table shows gets the defaults."""
    written = {variable.name: variable.default for variable in describe()}
    assert load_settings({}) == load_settings(written)


def test_the_recommended_configuration_is_the_default() -> None:
    """Without any variable the producer is the source document's recommended one, and PUBACK waits for it."""
    settings = load_settings({})
    assert (
        settings.delivery,
        settings.kafka.acks,
        settings.kafka.enable_idempotence,
    ) == (Delivery.AT_LEAST_ONCE, Acks.ALL, True)
    assert settings.mqtt.puback is Puback.AFTER_KAFKA
    assert settings.kafka.delivery_timeout_ms == 120_000
    assert settings.can_deliver_at_least_once


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})
    with pytest.raises(ValueError, match="frozen"):
        settings.kafka.acks = Acks.ONE
    with pytest.raises(ValueError, match="frozen"):
        settings.drain_timeout = 1.0


def test_other_variables_of_the_environment_are_nobodys_business() -> None:
    assert load_settings({}) == load_settings({"PATH": "/bin", "KAFKA__ACKS": "0", "MYADAPTER_X": "1"})


def test_the_environment_of_the_process_is_not_read_behind_the_callers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADAPTER_DRAIN_TIMEOUT", "99")
    monkeypatch.setenv("DRAIN_TIMEOUT", "99")
    assert load_settings({}).drain_timeout == 20.0


@pytest.mark.parametrize("variable", ["ADAPTER_MQTT__PORT", "ADAPTER_HTTP__PORT"])
def test_an_empty_port_switches_its_listener_off(variable: str) -> None:
    assert value_of(variable, "") is None


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("ADAPTER_KAFKA__ACKS", "ALL", "all"),
        ("ADAPTER_KAFKA__ACKS", "-1", "all"),
        ("ADAPTER_KAFKA__COMPRESSION_TYPE", "Zstd", "zstd"),
        ("ADAPTER_KAFKA__LINGER_MS", "0.5", 0.5),
        ("ADAPTER_KAFKA__BOOTSTRAP_SERVERS", "a:9092, [::1]:9093", "a:9092,[::1]:9093"),
        ("ADAPTER_KAFKA__BOOTSTRAP_SERVERS", "Embedded", "embedded"),
        ("ADAPTER_AUTH__REQUIRED", "False", False),
        ("ADAPTER_AUTH__GATEWAYS", "gw@plant, gw-*@mill", ("gw@plant", "gw-*@mill")),
        ("ADAPTER_AUTH__GATEWAYS", '["a,b@plant"]', ("a,b@plant",)),
        ("ADAPTER_AUTH__GATEWAYS", "", ()),
        ("ADAPTER_AUTH__PLUGINS", '{"my.Plugin": {"a": 1}}', {"my.Plugin": {"a": 1}}),
        ("ADAPTER_AUTH__PLUGINS", "", {}),
        ("ADAPTER_MQTT__PORT", "0", 0),
        ("ADAPTER_LOG__LEVEL", "DEBUG", "debug"),
        ("ADAPTER_KAFKA__DEAD_LETTER_TOPIC", "", None),
        ("ADAPTER_KAFKA__DEAD_LETTER_TOPIC", "letters", "letters"),
    ],
)
def test_a_value_may_be_written_in_each_of_its_forms(variable: str, text: str, value: object) -> None:
    assert value == value_of(variable, text)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("ADAPTER_MQTT__PORT", "mqtt", "'mqtt' must be a whole number"),
        ("ADAPTER_MQTT__PORT", "65536", "'65536' must be at most 65535"),
        ("ADAPTER_HTTP__PORT", "-1", "'-1' must be at least 0"),
        ("ADAPTER_MQTT__HOST", "", "is empty; give it a value, or remove it for the default, 0.0.0.0"),
        ("ADAPTER_MQTT__RECEIVE_MAXIMUM", "0", "'0' must be at least 1"),
        ("ADAPTER_MQTT__RECEIVE_MAXIMUM", "65536", "'65536' must be at most 65535"),
        ("ADAPTER_MQTT__MAX_PACKET_SIZE", "", "is empty; give it a value, or remove it for the default, 262144"),
        ("ADAPTER_MQTT__MAX_CONNECTIONS", "0", "'0' must be more than 0"),
        ("ADAPTER_MQTT__CONNECT_TIMEOUT", "inf", "'inf' must be a finite number"),
        ("ADAPTER_MQTT__CONNECT_TIMEOUT", "10s", "'10s' must be a number"),
        ("ADAPTER_DRAIN_TIMEOUT", "-1", "'-1' must be at least 0"),
        ("ADAPTER_KAFKA__ACKS", "2", "'2' must be 'all', '1' or '0'"),
        ("ADAPTER_KAFKA__ENABLE_IDEMPOTENCE", "maybe", "'maybe' must be true or false"),
        ("ADAPTER_KAFKA__MAX_BATCH_SIZE", "1.5", "'1.5' must be a whole number"),
        (
            "ADAPTER_KAFKA__BOOTSTRAP_SERVERS",
            "kafka",
            "'kafka' must be host:port, separated by commas if there are several, or embedded",
        ),
        (
            "ADAPTER_KAFKA__BOOTSTRAP_SERVERS",
            "a:1,b:70000",
            "'a:1,b:70000' must be host:port, separated by commas if there are several, or embedded",
        ),
        (
            "ADAPTER_KAFKA__BOOTSTRAP_SERVERS",
            "a:9092,kafka..local:9092",
            "'a:9092,kafka..local:9092' kafka..local cannot be the name of a host",
        ),
        ("ADAPTER_AUTH__GATEWAYS", "gateway", "'gateway' must contain only user names of the form auth-id@tenant"),
        ("ADAPTER_AUTH__GATEWAYS", "[1]", "'[1]' must be a JSON list of strings"),
        ("ADAPTER_AUTH__GATEWAYS", "[", "'[' is not JSON (line 1, column 2)"),
        (
            "ADAPTER_KAFKA__DEAD_LETTER_TOPIC",
            "dead letters",
            "'dead letters' has the character ' ', Kafka allows a-z A-Z 0-9 . _ -",
        ),
        ("ADAPTER_LOG__FORMAT", "x" * 100, f"'{'x' * 80}…' must be 'json' or 'console'"),
    ],
)
def test_a_value_without_its_form_is_told_with_the_fix(variable: str, text: str, expected: str) -> None:
    assert problems({variable: text}) == (f"{variable}: {expected}",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a.B": {"password": "hunter2"}', "is not JSON (line 1, column 32)"),
        ('["hunter2"]', "must be a JSON object: plugin class → its configuration"),
        ('{"hunter2": {}}', "must have dotted class names as keys, like amqtt.plugins.authentication.FileAuthPlugin"),
        ('{"a.B": "hunter2"}', "must hold a JSON object for each plugin class: its configuration"),
    ],
)
def test_a_mistake_in_the_plugins_is_told_without_showing_them(text: str, expected: str) -> None:
    assert problems({"ADAPTER_AUTH__PLUGINS": text}) == (f"ADAPTER_AUTH__PLUGINS: {expected}",)


def test_every_problem_is_told_at_once() -> None:
    """Bad values, unknown names, unreadable files and broken rules come together, each on its own line."""
    lines = problems(
        {
            "ADAPTER_MQTT__PORT": "mqtt",
            "ADAPTER_HTTP__PORT": "http",
            "ADAPTER_KAFKA__ACKS": "1",
            "ADAPTER_MQTT__MAX_PAKET_SIZE": "1",
            "ADAPTER_KAFKA__SASL_PASSWORD_FILE": "/does/not/exist",
            "ADAPTER_KAFKA__TELEMETRY_TOPIC": "telemetry",
        }
    )
    assert [line.partition(":")[0] for line in lines] == [
        "ADAPTER_KAFKA__SASL_PASSWORD_FILE",
        "ADAPTER_MQTT__MAX_PAKET_SIZE",
        "ADAPTER_MQTT__PORT",
        "ADAPTER_HTTP__PORT",
        "ADAPTER_KAFKA__ACKS",
        "ADAPTER_KAFKA__TELEMETRY_TOPIC",
    ]


def test_a_value_that_is_wrong_already_breaks_no_rules_besides() -> None:
    assert problems({"ADAPTER_DELIVERY": "at_most_one", "ADAPTER_KAFKA__ACKS": "0"}) == (
        "ADAPTER_DELIVERY: 'at_most_one' must be 'at_least_once' or 'at_most_once'",
    )


@given(st.dictionaries(st.sampled_from(NAMES), st.text(string.printable, max_size=30)))
def test_any_environment_gives_settings_or_problems_that_name_variables(environ: dict[str, str]) -> None:
    """Settings, or a ConfigurationError whose every line begins with a variable, and nothing else."""
    try:
        load_settings(environ)
    except ConfigurationError as error:
        named = {problem.partition(":")[0] for problem in error.problems}
        assert set() < named <= set(NAMES)
