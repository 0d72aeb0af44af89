"""`python -m adapter`: what each command prints, and its exit code."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from adapter import __version__
from tests.support.adapter import Adapter
from tests.support.command import command
from tests.support.kafka_broker import free_port
from tests.support.packets import connect, publish
from tests.support.records import read_all
from tests.support.wire import Wire, connack_code

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

ROUTES = """
[[route]]
name = "plant"
mqtt = "plant/{site}/{device}"
kafka_topic = "plant.{site}"
key = "{device}"
headers = { site = "{site}" }
delivery = "at_most_once"
"""


def test_version() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


def test_help_names_every_command() -> None:
    done = command("--help")
    assert done.returncode == 0
    assert all(f"    {name} " in done.stdout for name in ("run", "check", "tail", "explain", "passwd"))


@pytest.mark.parametrize("name", ["run", "check", "tail", "explain", "passwd"])
def test_help_of_a_command(name: str) -> None:
    done = command(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: python -m adapter {name} ")


@pytest.mark.parametrize("arguments", [(), ("walk",), ("explain",), ("tail", "--count", "many"), ("run", "--fast")])
def test_wrong_arguments_are_a_usage_error(arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m adapter")


# -- run ---------------------------------------------------------------------------------------------------------------


def test_an_unknown_variable_does_not_start_and_the_nearest_name_is_suggested() -> None:
    done = command("run", KAFKA__BOOTSTRAP_SERVER="localhost:9092")
    assert (done.returncode, done.stdout) == (2, "")
    assert "ADAPTER_KAFKA__BOOTSTRAP_SERVER" in done.stderr
    assert "did you mean ADAPTER_KAFKA__BOOTSTRAP_SERVERS" in done.stderr
    assert "Traceback" not in done.stderr


def test_unsafe_settings_do_not_start_and_all_problems_are_named_at_once() -> None:
    done = command("run", KAFKA__ACKS="1", MQTT__PUBACK="on_receipt", AUTH__REQUIRED="false", MQTT__PORT="no port")
    assert (done.returncode, done.stdout) == (2, "")
    for text in ("ADAPTER_KAFKA__ACKS", "ADAPTER_MQTT__PUBACK", "ADAPTER_MQTT__PORT", "ADAPTER_DELIVERY=at_most_once"):
        assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AUTH__PLUGINS": '{"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": "/nowhere"}}'},
        {"AUTH__PLUGINS": '{"no.such.Plugin": {}}'},
        {"AUTH__REQUIRED": "false", "ROUTES_FILE": "/nowhere"},
        {"AUTH__REQUIRED": "false", "ROUTES_FILE": "pyproject.toml"},
    ],
    ids=["no device could connect", "no password file", "no such plugin", "no routes file", "not a routes file"],
)
def test_what_is_found_wrong_while_starting_is_a_configuration_error_too(variables: dict[str, str]) -> None:
    done = command(
        "run",
        KAFKA__BOOTSTRAP_SERVERS="embedded",
        MQTT__PORT=str(free_port()),
        HTTP__PORT=str(free_port()),
        **variables,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "The settings cannot be used:\n  ADAPTER_" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_wrong_with_routes_plugins_and_certificates_is_told_at_once_and_once(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("no certificate")
    done = command(
        "run",
        AUTH__REQUIRED="true",
        ROUTES_FILE=str(certificate),
        KAFKA__LINGER_MS="no number",
        TLS__PORT="0",
        TLS__CERTFILE=str(certificate),
        KAFKA__SECURITY_PROTOCOL="SSL",
        KAFKA__SSL_CAFILE=str(certificate),
        KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1",
    )
    assert done.returncode == 2
    assert not done.stdout
    said = done.stderr.splitlines()
    assert [line.split(":")[0].strip() for line in said[1:]] == [
        "ADAPTER_KAFKA__LINGER_MS",
        "ADAPTER_ROUTES_FILE", "ADAPTER_AUTH__PLUGINS", "ADAPTER_TLS__CERTFILE", "ADAPTER_KAFKA__SSL_*",
    ]  # fmt: skip


@pytest.mark.parametrize("taken", ["MQTT__PORT", "HTTP__PORT"])
def test_a_port_in_use_ends_it_with_an_exit_code_of_its_own(taken: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        settings = {"MQTT__PORT": str(free_port()), "HTTP__PORT": str(free_port())} | {taken: port}
        done = command("run", KAFKA__BOOTSTRAP_SERVERS="embedded", AUTH__REQUIRED="false", **settings)
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot start" in done.stderr
    assert port in done.stderr
    assert "Traceback" not in done.stderr


# -- explain -----------------------------------------------------------------------------------------------------------


def test_explain_tells_route_topic_key_and_headers() -> None:
    done = command("explain", "event/demo/d1/?hono-ttl=5", "--retain", AUTH__REQUIRED="false")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "route   event",
        "topic   hono.event.demo",
        "key     d1",
        "header  creation-time: (time of arrival, ms)",
        "header  content-type: application/octet-stream",
        "header  device_id: d1",
        "header  orig_adapter: hono-mqtt",
        "header  orig_address: event/demo/d1/?hono-ttl=5",
        "header  qos: 1",
        "header  ttl: 5000",
        "header  x-opt-retain: true",
    ]


def test_explain_uses_the_routes_file(tmp_path: Path) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text(ROUTES)
    settings = {"AUTH__REQUIRED": "false", "ROUTES_FILE": str(routes)}
    done = command("explain", "plant/berlin/press", "--json", **settings)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert (answer["route"], answer["delivery"]) == ("plant", "at_most_once")
    assert (answer["record"]["topic"], answer["record"]["key"]) == ("plant.berlin", "press")
    assert ["site", "berlin"] in answer["record"]["headers"]
    done = command("explain", "telemetry/demo/d1", **settings)
    assert done.returncode == 0
    assert done.stdout.startswith("not by  plant: ")
    assert "\nroute   telemetry\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("event/demo/d1", "--qos", "0"), "event_qos_0"),
        (("telemetry/demo",), "bad_topic"),
        (("nothing",), "bad_topic"),
        (("telemetry/demo/d1", "--payload-size", "0"), "empty_payload"),
    ],
)
def test_explain_says_why_a_publish_is_refused(arguments: tuple[str, ...], reason: str) -> None:
    done = command("explain", *arguments, AUTH__REQUIRED="false")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"refused {reason}\nbecause " in done.stdout
    as_json = command("explain", *arguments, "--json", AUTH__REQUIRED="false")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["refused"]["reason"] == reason


def test_explain_names_the_dead_letter_topic_for_what_would_be_kept_there() -> None:
    def dead_letter(topic: str, **settings: str) -> object:
        arguments = ("explain", topic, "--user", "d1@demo", "--json")
        return json.loads(command(*arguments, KAFKA__DEAD_LETTER_TOPIC="letters", **settings).stdout)["dead_letter"]

    plugins = '{"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": "config/passwords.example"}}'
    assert dead_letter("nothing", AUTH__PLUGINS=plugins) == "letters"
    assert dead_letter("telemetry/demo/d2", AUTH__PLUGINS=plugins) is None
    done = command("explain", "nothing", AUTH__REQUIRED="false", KAFKA__DEAD_LETTER_TOPIC="letters")
    assert done.stdout.endswith("\nkept in letters, as a dead letter\n")


def test_explain_knows_whom_credentials_allow_what() -> None:
    plugins = '{"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": "config/passwords.example"}}'
    own = command("explain", "telemetry", "--user", "d1@demo", AUTH__PLUGINS=plugins)
    assert own.returncode == 0
    assert "key     d1\n" in own.stdout
    other = command("explain", "telemetry/demo/d2", "--user", "d1@demo", AUTH__PLUGINS=plugins)
    assert other.returncode == 1
    assert "refused not_authorized\n" in other.stdout
    gateway = command("explain", "t//d2", "--user", "gw@demo", AUTH__PLUGINS=plugins, AUTH__GATEWAYS="gw@*")
    assert gateway.returncode == 0
    assert "header  via: gw\n" in gateway.stdout


def test_explain_makes_the_record_that_reaches_kafka(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    tenant = unique("explained")
    topic = kafka.create_topic(f"hono.telemetry.{tenant}")
    mqtt_topic = f"t/{tenant}/d1/?content-type=text%2Fplain"
    answer = json.loads(command("explain", mqtt_topic, "--retain", "--json", AUTH__REQUIRED="false").stdout)
    with Adapter(kafka.bootstrap) as adapter, Wire(adapter.port) as wire:
        wire.send(connect() + publish(mqtt_topic, retain=True))
        assert wire.receive() == b"\x20\x02\x00\x00"
        assert wire.receive() == b"\x40\x02\x00\x01"
        [record] = read_all(kafka.bootstrap, topic)
    assert answer["record"] == {
        "topic": topic,
        "key": "d1",
        "headers": [[name, value.decode()] for name, value in record.headers if name != "creation-time"],
    }


# -- passwd ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["secret", "mit Leerzeichen und ü", ":#$"])
def test_an_entry_of_passwd_lets_its_device_in(kafka: KafkaBroker, tmp_path: Path, password: str) -> None:
    done = command("passwd", "d1@demo", stdin=f"{password}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert password not in done.stdout
    entries = tmp_path / "passwords"
    entries.write_text(done.stdout)
    plugins = json.dumps({"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(entries)}})
    with Adapter(kafka.bootstrap, AUTH__REQUIRED="true", AUTH__PLUGINS=plugins) as adapter:
        assert connack_code(adapter.port, 4, "d1@demo", password) == 0
        assert connack_code(adapter.port, 4, "d1@demo", f"{password}.") == 4


@pytest.mark.parametrize(("name", "password"), [("a:b", "secret"), ("d1@demo", "")])
def test_passwd_makes_no_entry_that_could_not_work(name: str, password: str) -> None:
    done = command("passwd", name, stdin=f"{password}\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr
