"""`python -m adapter check`, with a real broker: what it finds, and that it leaves nothing behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import Authority, expired
from tests.support.command import command
from tests.support.kafka_broker import free_port
from tests.support.records import read_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

ONE_BROKER = "acknowledged records are lost with one broker → set min.insync.replicas=2, with 3 replicas"
WELL_KEPT = "replication factor 1, min.insync.replicas 1, 1 in sync: " + ONE_BROKER


def settings(bootstrap: str, **variables: str) -> dict[str, str]:
    """For a machine where nothing else gives reason to complain."""
    good = {
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "AUTH__REQUIRED": "false",
        "MQTT__PORT": str(free_port()),
        "MQTT__HOST": "127.0.0.1",
        "MQTT__MAX_CONNECTIONS": "10",
        "HTTP__PORT": str(free_port()),
        "HTTP__HOST": "127.0.0.1",
    }
    return good | variables


def lines(stdout: str) -> list[str]:
    """What is found, without what is only there to be aligned."""
    return [" ".join(line.split()) for line in stdout.splitlines()]


def findings(*arguments: str, code: int, **variables: str) -> list[dict[str, str]]:
    done = command("check", "--json", *arguments, **variables)
    assert (done.returncode, done.stderr) == (code, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    found: list[dict[str, str]] = answer["findings"]
    assert answer["exit_code"] == code
    assert sum(answer["summary"].values()) == len(found)
    for finding in found:
        assert list(finding) == ["check", "subject", "verdict", "text", "fix"]
        assert bool(finding["fix"]) == (finding["verdict"] != "ok")
    return found


def bad(found: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(each["verdict"], each["check"], each["subject"]) for each in found if each["verdict"] != "ok"]


def test_a_good_deployment_of_one_broker_has_one_warning_a_topic(
    kafka: KafkaBroker, unique: Callable[[str], str]
) -> None:
    tenant = unique("good")
    topics = [kafka.create_topic(f"hono.{kind}.{tenant}", 2) for kind in ("telemetry", "event")]
    variables = settings(kafka.bootstrap)
    done = command("check", "--tenant", tenant, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    printed = lines(done.stdout)
    assert printed[:9] == [
        "ok settings ADAPTER_*: every variable is known, and all rules between them hold",
        "ok plugin ADAPTER_AUTH__PLUGINS: none is needed: devices are accepted without credentials",
        f"ok port ADAPTER_MQTT__PORT: 127.0.0.1:{variables['MQTT__PORT']} is free",
        *(f"ok port ADAPTER_{listener}__PORT: empty: off" for listener in ("TLS", "WS", "WSS")),
        f"ok port ADAPTER_HTTP__PORT: 127.0.0.1:{variables['HTTP__PORT']} is free",
        printed[7],
        f"ok bootstrap server {kafka.bootstrap}: answers with these settings",
    ]
    assert printed[7].startswith("ok open files ADAPTER_MQTT__MAX_CONNECTIONS: 10 connections need 210 files, ")
    assert printed[9] == f"ok broker {kafka.bootstrap}: answers; Kafka 4.1 or later"
    assert printed[10].startswith("ok clock Kafka's controller: its clock is 0.")
    size = "max.message.bytes=1048588 accepts batches of ADAPTER_KAFKA__MAX_BATCH_SIZE=262144"
    assert printed[11:] == [
        line
        for topic in topics
        for line in (
            f"ok topic {topic}: exists, 2 partitions",
            f"warning durability {topic}: {WELL_KEPT}",
            f"ok rights {topic}: Write is allowed, with idempotence, according to the brokers",
            f"ok size {topic}: {size}",
            f"ok timestamps {topic}: records carry the time of arrival, and none is too old or too new",
            f"ok clean-up {topic}: cleanup.policy=delete",
        )
    ] + ["21 ok, 2 warnings, 0 FAILED, 0 unknown"]


def test_strict_makes_a_warning_a_failure(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    topic = kafka.create_topic(unique("strict"), 1)
    found = findings("--topic", topic, "--strict", code=1, **settings(kafka.bootstrap))
    assert bad(found) == [("warning", "durability", topic)]


def test_missing_topics_are_found_and_stay_missing_and_nothing_is_written(
    kafka: KafkaBroker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    there, tenant, fixed, dead, own = (unique(name) for name in ("there", "missing", "fixed", "dead", "own"))
    kafka.create_topic(there, 1)
    routes = tmp_path / "routes.toml"
    routes.write_text(
        f'[[route]]\nmqtt = "a/{{x}}"\nkafka_topic = "{fixed}"\nkey = "{{x}}"\n'
        '[[route]]\nmqtt = "b/{x}"\nkafka_topic = "plant.{x}"\nkey = "{x}"\n'
    )
    variables = settings(kafka.bootstrap, ROUTES_FILE=str(routes), KAFKA__DEAD_LETTER_TOPIC=dead)
    before = kafka.topics()
    found = findings("--tenant", tenant, "--topic", own, "--topic", there, code=1, **variables)
    assert bad(found) == [
        ("failed", "topic", f"hono.telemetry.{tenant}"),
        ("failed", "topic", f"hono.event.{tenant}"),
        ("failed", "topic", fixed),
        ("failed", "topic", own),
        ("warning", "durability", there),
        ("failed", "topic", dead),
    ]
    assert kafka.topics() == before
    assert read_all(kafka.bootstrap, there) == []


def test_topics_that_messages_decide_are_unknown(kafka: KafkaBroker, tmp_path: Path) -> None:
    routes = tmp_path / "routes.toml"
    routes.write_text('[[route]]\nmqtt = "b/{x}"\nkafka_topic = "plant.{x}"\nkey = "{x}"\n')
    found = findings(code=0, **settings(kafka.bootstrap, ROUTES_FILE=str(routes)))
    assert bad(found) == [("unknown", "topics", "tenants"), ("unknown", "topics", "plant.{x}")]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max.message.bytes": "1000"}, [("failed", "size")]),
        ({"max.message.bytes": "300000"}, []),
        ({"message.timestamp.type": "LogAppendTime"}, [("warning", "timestamps")]),
        ({"message.timestamp.before.max.ms": "60000"}, [("warning", "timestamps")]),
        ({"cleanup.policy": "compact"}, [("warning", "clean-up")]),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_what_a_topic_does_not_take(
    kafka: KafkaBroker, unique: Callable[[str], str], config: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    topic = kafka.create_topic(unique("config"), 1, config)
    code = 1 if any(verdict == "failed" for verdict, _ in expected) else 0
    found = findings("--topic", topic, code=code, **settings(kafka.bootstrap))
    assert bad(found) == [("warning", "durability", topic)] + [(*each, topic) for each in expected]


def test_more_replicas_asked_for_than_there_are_fails(kafka: KafkaBroker, unique: Callable[[str], str]) -> None:
    topic = kafka.create_topic(unique("insync"), 1, {"min.insync.replicas": "2"})
    assert bad(findings("--topic", topic, code=1, **settings(kafka.bootstrap))) == [("failed", "durability", topic)]


def test_kafka_that_is_away_is_named_with_the_step_and_one_of_two_servers_is_a_warning(kafka: KafkaBroker) -> None:
    away = f"127.0.0.1:{free_port()}"
    found = findings("--tenant", "demo", code=1, **settings(away))
    assert bad(found) == [("failed", "bootstrap server", away), ("unknown", "cluster", "Kafka")]
    [text] = [each["text"] for each in found if each["subject"] == away]
    assert text.startswith("TCP fails: ")
    found = findings(code=0, **settings(f"{away},{kafka.bootstrap}"))
    assert bad(found)[0] == ("warning", "bootstrap server", away)


def test_a_frozen_broker_fails_at_the_api_in_time(own_kafka: KafkaBroker) -> None:
    own_kafka.pause()
    found = findings("--timeout", "0.5", code=1, **settings(own_kafka.bootstrap))
    assert [each["text"] for each in found if each["verdict"] == "failed"] == ["API fails: no answer within 0.5 s"]


def test_every_mistake_of_this_side_is_found_at_once(kafka: KafkaBroker, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path, "authority").sign("adapter")
    certificate = expired(certificate, key)
    plugins = {"no.such.Plugin": {}, "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": "/nowhere"}}
    taken = kafka.bootstrap.partition(":")[2]
    variables = settings(
        f"127.0.0.1:{free_port()}",
        KAFKA__SECURITY_PROTOCOL="SSL",
        KAFKA__SSL_CAFILE=str(tmp_path / "authority.pem"),
        KAFKA__SSL_CERTFILE=str(certificate),
        KAFKA__SSL_KEYFILE=str(key),
        AUTH__PLUGINS=json.dumps(plugins),
        HTTP__PORT=taken,
    )
    found = findings(code=1, **variables)
    assert [each for each in bad(found) if each[0] == "failed"] == [
        ("failed", "plugin", "ADAPTER_AUTH__PLUGINS"),
        ("failed", "plugin", "ADAPTER_AUTH__PLUGINS"),
        ("failed", "port", "ADAPTER_HTTP__PORT"),
        ("failed", "certificate", "ADAPTER_KAFKA__SSL_CERTFILE"),
        ("failed", "bootstrap server", variables["KAFKA__BOOTSTRAP_SERVERS"]),
    ]
    [text] = [each["text"] for each in found if each["subject"] == "ADAPTER_KAFKA__SSL_CERTFILE"]
    assert text.startswith(f"{certificate} expired on ")


def test_settings_that_cannot_be_run_are_all_named_and_have_an_exit_code_of_their_own() -> None:
    found = findings(code=2, KAFKA__ACKS="1", MQTT__PORT="no port", KAFKA__BOOTSTRAP_SERVER="a:1")
    assert bad(found) == [
        ("failed", "settings", "ADAPTER_KAFKA__BOOTSTRAP_SERVER"),
        ("failed", "settings", "ADAPTER_MQTT__PORT"),
        ("failed", "settings", "ADAPTER_KAFKA__ACKS"),
    ]


def test_what_is_allowed_and_probably_not_meant_is_a_warning() -> None:
    found = findings(code=1, **settings("embedded", DELIVERY="at_most_once", AUTH__REQUIRED="true"))
    assert bad(found) == [
        ("warning", "settings", "ADAPTER_DELIVERY"),
        ("warning", "settings", "ADAPTER_KAFKA__BOOTSTRAP_SERVERS"),
        ("failed", "plugin", "ADAPTER_AUTH__PLUGINS"),
    ]


@pytest.mark.parametrize("arguments", [("--tenant", "a b"), ("--topic", "c/d"), ("--timeout", "0")])
def test_names_that_cannot_be_and_wrong_arguments_are_a_usage_error(arguments: tuple[str, str]) -> None:
    done = command("check", *arguments, **settings("embedded"))
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[0] in done.stderr
