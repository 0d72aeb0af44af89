"""`verify` on running deployments, good and broken: a real adapter and a real Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.adapter import Adapter, write_password_file
from tests.support.command import Running, command
from tests.support.kafka_broker import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.kafka_broker import KafkaBroker

SMALL = ("--devices", "6", "--messages", "100", "--window", "10", "--json")


def verify(kafka: str, port: int, tenant: str, *more: str) -> tuple[int, dict[str, object], str]:
    """Exit code, the report, and what was said."""
    done = command(
        "verify", "--mqtt", f"127.0.0.1:{port}", "--tenant", tenant, *SMALL, *more, KAFKA__BOOTSTRAP_SERVERS=kafka
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.fixture
def tenant(kafka: KafkaBroker, unique: Callable[[str], str]) -> str:
    """One of its own, with its topic."""
    name = unique("verify")
    kafka.create_topic(f"hono.telemetry.{name}", partitions=3)
    return name


def test_a_good_deployment_is_proved(kafka: KafkaBroker, tenant: str) -> None:
    with Adapter(kafka.bootstrap) as adapter:
        code, report, said = verify(kafka.bootstrap, adapter.port, tenant, "--qos", "mixed")
    assert code == 0
    assert report["proved"] is True
    assert report["broken"] == {}
    verdict = report["verdict"]
    assert isinstance(verdict, dict)
    assert (verdict["messages"], verdict["acknowledged"], verdict["records"]) == (600, 450, 600)
    assert isinstance(report["checked"], int)
    assert report["checked"] >= 120
    assert f"hono.telemetry.{tenant}" in said


def test_qos_2_is_proved_too(kafka: KafkaBroker, tenant: str) -> None:
    with Adapter(kafka.bootstrap) as adapter:
        code, report, _ = verify(kafka.bootstrap, adapter.port, tenant, "--qos", "2")
        assert adapter.metric("adapter_messages_acknowledged_total", qos="2") == 600
    assert (code, report["broken"]) == (0, {})
    verdict = report["verdict"]
    assert isinstance(verdict, dict)
    assert (verdict["acknowledged"], verdict["records"]) == (600, 600)


async def test_a_frozen_kafka_breaks_no_promise(own_kafka: KafkaBroker) -> None:
    own_kafka.create_topic("hono.telemetry.verify")
    with (
        Adapter(own_kafka.bootstrap) as adapter,
        Running(
            "verify", "--mqtt", f"127.0.0.1:{adapter.port}", "--rate", "200", *SMALL,
            KAFKA__BOOTSTRAP_SERVERS=own_kafka.bootstrap,
        ) as running,
    ):  # fmt: skip
        while adapter.metric("adapter_messages_acknowledged_total") < 100:
            await asyncio.sleep(0.02)
        own_kafka.pause()
        await asyncio.sleep(3)
        own_kafka.resume()
        assert await asyncio.to_thread(running.process.wait, 60) == 0
        report = json.loads(running.stdout)
    assert report["proved"]
    assert report["verdict"]["acknowledged"] == 600
    assert report["puback"]["max"] > 1000


async def test_an_adapter_that_is_killed_and_comes_back_breaks_no_promise(kafka: KafkaBroker, tenant: str) -> None:
    adapter = Adapter(kafka.bootstrap).start()
    with Running(
        "verify", "--mqtt", f"127.0.0.1:{adapter.port}", "--tenant", tenant, "--rate", "300", *SMALL,
        KAFKA__BOOTSTRAP_SERVERS=kafka.bootstrap,
    ) as running:  # fmt: skip
        while adapter.metric("adapter_messages_acknowledged_total") < 100:
            await asyncio.sleep(0.02)
        adapter.process.kill()
        adapter.process.wait()
        with Adapter(kafka.bootstrap, MQTT__PORT=str(adapter.port)):
            assert await asyncio.to_thread(running.process.wait, 60) == 0
        report = json.loads(running.stdout)
    adapter.close()
    assert report["proved"]
    assert report["returns"] == 6
    assert report["verdict"]["acknowledged"] == 600


def test_pubacks_before_the_record_are_found(kafka: KafkaBroker, tenant: str) -> None:
    with Adapter(kafka.bootstrap, DELIVERY="at_most_once", MQTT__PUBACK="on_receipt") as adapter:
        done = command(
            "verify", "--mqtt", f"127.0.0.1:{adapter.port}", "--tenant", tenant, "--json",
            KAFKA__BOOTSTRAP_SERVERS=kafka.bootstrap,
        )  # fmt: skip
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["broken"] == {"PUBACKs before the record could be read": report["before_record"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_interrupted_it_reports_on_what_was_published(
    kafka: KafkaBroker, tenant: str, number: signal.Signals
) -> None:
    with (
        Adapter(kafka.bootstrap) as adapter,
        Running(
            "verify", "--mqtt", f"127.0.0.1:{adapter.port}", "--tenant", tenant, "--rate", "50",
            KAFKA__BOOTSTRAP_SERVERS=kafka.bootstrap,
        ) as running,
    ):  # fmt: skip
        while adapter.metric("adapter_messages_acknowledged_total") < 10:
            time.sleep(0.02)
        assert running.end(number) == 130
        assert "Traceback" not in running.stderr
        assert "Interrupted" in running.stdout
        assert "BROKEN" not in running.stdout


def test_before_it_publishes_ctrl_c_ends_it_quietly() -> None:
    """Also while modules are imported: the first signal may come at any time."""
    for seconds in (0.0, 0.3, 2.0):
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,  # takes connections, and never answers
            Running("verify", KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{silent.getsockname()[1]}") as running,
        ):
            while not running.catches(signal.SIGTERM):  # before that, it is Python that starts
                time.sleep(0.005)
            time.sleep(seconds)
            assert running.end(signal.SIGINT) == 130
            assert "Traceback" not in running.stderr


async def test_acknowledged_messages_that_are_lost_are_found(own_kafka: KafkaBroker) -> None:
    own_kafka.create_topic("hono.telemetry.verify")
    careless = {"DELIVERY": "at_most_once", "KAFKA__ACKS": "0", "KAFKA__DELIVERY_TIMEOUT_MS": "2000"}
    with (
        Adapter(own_kafka.bootstrap, **careless) as adapter,
        Running(
            "verify", "--mqtt", f"127.0.0.1:{adapter.port}", "--rate", "200", *SMALL,
            KAFKA__BOOTSTRAP_SERVERS=own_kafka.bootstrap,
        ) as running,
    ):  # fmt: skip
        while adapter.metric("adapter_messages_acknowledged_total") < 100:
            await asyncio.sleep(0.02)
        own_kafka.kill()
        await asyncio.sleep(4)
        await asyncio.to_thread(own_kafka.start)
        assert await asyncio.to_thread(running.process.wait, 60) == 1
        report = json.loads(running.stdout)
    assert report["broken"]["acknowledged, but not in Kafka"] > 0


def test_what_is_not_there_is_said_in_one_line(kafka: KafkaBroker, tenant: str, tmp_path: Path) -> None:
    nowhere = free_port()
    plugins = write_password_file(tmp_path, someone__demo="right")
    with Adapter(kafka.bootstrap, AUTH__REQUIRED="true", AUTH__PLUGINS=plugins) as adapter:
        os.environ["VERIFY_PASSWORD"] = "wrong"  # noqa: S105 - that is the point
        try:
            for arguments, text in (
                ((kafka.bootstrap, nowhere, tenant), f"MQTT: no MQTT server at 127.0.0.1:{nowhere}"),
                ((f"127.0.0.1:{nowhere}", adapter.port, tenant), f"Kafka: 127.0.0.1:{nowhere}"),
                ((kafka.bootstrap, adapter.port, "nobody"), "Kafka: there is no topic hono.telemetry.nobody"),
                ((kafka.bootstrap, adapter.port, tenant), "MQTT: the CONNECT of verify-"),
                (
                    (kafka.bootstrap, adapter.port, tenant, "--username", "{device}@{tenant}"),
                    f"@{tenant} was refused: 0x",
                ),
            ):
                code, report, said = verify(*arguments)
                assert (code, report) == (4, {})
                assert text in said
                assert "Traceback" not in said
                assert said.count("\n") == 2
        finally:
            del os.environ["VERIFY_PASSWORD"]
    assert verify(kafka.bootstrap, nowhere, tenant, "--window", "0")[0] == 2
