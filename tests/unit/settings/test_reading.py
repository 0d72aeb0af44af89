"""`adapter.settings.reading`: names that are not known, and the `_FILE` forms of those that are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from adapter.errors import ConfigurationError
from adapter.settings import describe, load_settings
from tests.support.settings import problems

if TYPE_CHECKING:
    from pathlib import Path

# -- names that are not known ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ADAPTER_KAFKA__ACK", "is not known; did you mean ADAPTER_KAFKA__ACKS?"),
        ("ADAPTER_MQTT_PORT", "is not known; did you mean ADAPTER_MQTT__PORT?"),
        ("ADAPTER_KAFKA__BATCH_SIZE", "is not known; did you mean ADAPTER_KAFKA__MAX_BATCH_SIZE?"),
        (
            "ADAPTER_KAFKA__SASL_PASWORD_FILE",
            "is not known; did you mean ADAPTER_KAFKA__SASL_PASSWORD_FILE?",
        ),
        ("ADAPTER_ZZZ", "is not known; config/adapter.env.example lists every variable"),
        ("adapter_mqtt__port", "is not read, because names are upper-case; rename it to ADAPTER_MQTT__PORT"),
        ("Adapter_Delivery_File", "is not read, because names are upper-case; rename it to ADAPTER_DELIVERY_FILE"),
    ],
)
def test_an_unknown_variable_is_an_error_that_suggests_the_nearest_name(name: str, expected: str) -> None:
    """Its value is not shown: it may be a secret under a misspelt name."""
    assert problems({name: "hunter2"}) == (f"{name}: {expected}",)


@pytest.mark.parametrize(
    "name", ["ADAPTER_KAFKA__RETRIES", "ADAPTER_KAFKA_RETRIES", "ADAPTER_RETRIES", "ADAPTER_KAFKA__MAX_RETRIES"]
)
def test_retries_cannot_be_set(name: str) -> None:
    """Fewer retries would lose messages at the first transient failure."""
    expected = (
        f"{name}: cannot be set: retries are limited only by ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS, "
        "which can be set instead; remove it"
    )
    assert problems({name: "0"}) == (expected,)


@pytest.mark.parametrize(
    "name", ["ADAPTER_KAFKA__MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION", "ADAPTER_KAFKA__MAX_IN_FLIGHT_REQUESTS"]
)
def test_requests_in_flight_cannot_be_set(name: str) -> None:
    """More than one without idempotence would reorder messages."""
    expected = (
        f"{name}: cannot be set: one request is in flight per broker, which keeps the order "
        "with or without idempotence; remove it"
    )
    assert problems({name: "5"}) == (expected,)


def test_the_partitioner_cannot_be_set() -> None:
    """Every producer must choose the same partition for a device."""
    (line,) = problems({"ADAPTER_KAFKA__PARTITIONER_CLASS": "x"})
    assert line.startswith("ADAPTER_KAFKA__PARTITIONER_CLASS: cannot be set: records go to the partition")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADAPTER_PORT", "tcp://10.0.0.1:1883"),
        ("ADAPTER_MQTT_PORT", "tcp://10.0.0.1:1883"),
        ("ADAPTER_PORT_1883_TCP", "tcp://10.0.0.1:1883"),
        ("ADAPTER_PORT_1883_TCP_ADDR", "10.0.0.1"),
        ("ADAPTER_SERVICE_HOST", "10.0.0.1"),
        ("ADAPTER_MQTT_SERVICE_PORT", "1883"),
        ("ADAPTER_SERVICE_PORT_METRICS", "8080"),
    ],
)
def test_what_kubernetes_says_of_a_service_named_adapter_is_not_taken_for_settings(name: str, value: str) -> None:
    assert load_settings({}) == load_settings({name: value})


# -- files -------------------------------------------------------------------------------------------------------------


def test_any_variable_may_be_read_from_a_file(tmp_path: Path) -> None:
    """The newline that editors put at the end does not count."""
    file = tmp_path / "value"
    for variable in describe():
        if variable.default:
            file.write_text(variable.default + "\n")
            assert load_settings({}) == load_settings({variable.name + "_FILE": str(file)})


def test_a_secret_keeps_everything_but_the_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b" pass word\t\r\n")
    settings = load_settings(
        {
            "ADAPTER_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "ADAPTER_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "ADAPTER_KAFKA__SASL_USERNAME": "adapter",
            "ADAPTER_KAFKA__SASL_PASSWORD_FILE": str(file),
        }
    )
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == " pass word\t"


def test_a_variable_whose_own_name_ends_in_file_is_no_file_form(tmp_path: Path) -> None:
    """ADAPTER_ROUTES_FILE names the routes; ADAPTER_ROUTES_FILE_FILE is a file that holds that name."""
    routes = tmp_path / "routes.toml"
    routes.write_text("")
    pointer = tmp_path / "pointer"
    pointer.write_text(f"{routes}\n")
    assert str(routes) == load_settings({"ADAPTER_ROUTES_FILE": str(routes)}).routes_file
    assert str(routes) == load_settings({"ADAPTER_ROUTES_FILE_FILE": str(pointer)}).routes_file


def test_a_variable_cannot_be_given_in_both_forms(tmp_path: Path) -> None:
    file = tmp_path / "acks"
    file.write_text("all")
    assert problems({"ADAPTER_KAFKA__ACKS": "all", "ADAPTER_KAFKA__ACKS_FILE": str(file)}) == (
        "ADAPTER_KAFKA__ACKS: is set, and so is ADAPTER_KAFKA__ACKS_FILE; remove one of them",
    )


def test_a_file_that_cannot_be_read_is_told_with_its_name(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    large = tmp_path / "large"
    large.write_bytes(b"x" * 1_048_577)
    reasons = {
        str(missing): "cannot be read (No such file or directory)",
        str(tmp_path): "cannot be read (Is a directory)",
        str(binary): "is not UTF-8",
        str(large): "has more than 1048576 bytes",
        "nul\0": "embedded null byte",
    }
    for name, reason in reasons.items():
        assert problems({"ADAPTER_KAFKA__SASL_PASSWORD_FILE": name}) == (
            f"ADAPTER_KAFKA__SASL_PASSWORD_FILE: {name!r} {reason}; fix the path or the file",
        )


def test_the_content_of_a_file_is_never_shown(tmp_path: Path) -> None:
    """It may be the wrong file: here the key itself stands where its file's name is expected."""
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n")
    for variable in describe():
        try:
            load_settings({variable.name + "_FILE": str(key)})
        except ConfigurationError as error:
            assert "hunter2" not in str(error)  # noqa: PT017 - some variables take any text
            assert "BEGIN" not in str(error)  # noqa: PT017
