"""`make run` for a newcomer: it starts with a Kafka of its own, and the lines that it prints work when copied."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.adapter import write_password_file
from tests.support.command import Running, command
from tests.support.kafka_broker import free_port
from tests.support.kafka_dist import ROOT
from tests.support.packets import connect, publish
from tests.support.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "only for tests"  # noqa: S105 - made up
HEADINGS = ("watch the records:", "publish with mosquitto:", "publish with Python alone:")


class TryingOut(Running):
    """The adapter as `make run` starts it, but on free ports."""

    def __init__(self, **variables: str) -> None:
        self.port = free_port()
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": "embedded",
            "AUTH__REQUIRED": "false",
            "LOG__FORMAT": "console",
            "MQTT__PORT": str(self.port),
            "HTTP__PORT": str(free_port()),
        }
        super().__init__("run", **(settings | variables))
        self.wait_for("python3 -c")

    def line(self, heading: str) -> str:
        """The command that is printed below a heading, up to a line that does not end in a backslash."""
        lines = self.stdout.splitlines()
        first = last = lines.index(heading) + 1
        while lines[last].endswith("\\"):
            last += 1
        return "\n".join(lines[first : last + 1]).strip()

    def copied(self, heading: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Paste that line into a shell."""
        line = " ".join((self.line(heading), *more))
        return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    def tail(self, *options: str) -> list[dict[str, Any]]:
        """What the line for watching prints, as JSON."""
        done = self.copied(HEADINGS[0], "--json", "--from-beginning", *options)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def publish(self, *packets: bytes) -> None:
        """Publish with QoS 1, and wait for the PUBACKs."""
        with Wire(self.port) as wire:
            wire.send(connect() + b"".join(packets))
            assert wire.receive()[0] == 0x20
            for _ in packets:
                assert wire.receive()[0] == 0x40


@pytest.fixture(scope="module")
def trying_out() -> Iterator[TryingOut]:
    """One for the tests that leave it running."""
    with TryingOut() as running:
        yield running


def test_the_python_line_publishes_and_the_record_is_seen() -> None:
    with TryingOut() as running:
        done = running.copied("publish with Python alone:")
        assert (done.returncode, done.stdout, done.stderr) == (0, "PUBACK\n", "")
        [record] = running.tail("--count", "1")
        assert record == {
            "topic": "hono.telemetry.demo",
            "partition": record["partition"],
            "offset": 0,
            "timestamp": record["timestamp"],
            "key": "sensor1",
            "headers": [
                ["creation-time", str(record["timestamp"])],
                ["content-type", "application/octet-stream"],
                ["device_id", "sensor1"],
                ["orig_adapter", "hono-mqtt"],
                ["orig_address", "telemetry/demo/sensor1"],
                ["qos", "1"],
            ],
            "value": "hello",
        }
        assert running.end(signal.SIGINT) == 0
        assert "Traceback" not in running.stderr
        assert running.stderr.count("\n") == 3  # that records will be lost, that it is ready, that it has stopped


def test_the_mosquitto_line_publishes(trying_out: TryingOut) -> None:
    done = trying_out.copied("publish with mosquitto:")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [record] = trying_out.tail("--count", "1", "--topic", "hono.telemetry.demo", "--key", "sensor1")
    assert (record["key"], record["value"]) == ("sensor1", "hello")


def test_tail_shows_new_records_until_ctrl_c(trying_out: TryingOut) -> None:
    servers = trying_out.line(HEADINGS[0]).split()[-1]
    trying_out.publish(publish("telemetry/early/device", b"before tail"))
    with Running("tail", "--bootstrap-servers", servers, "--key", "follow me") as following:
        # A record that comes while it starts may be before its "now": so publish until it shows one.
        number = 0
        while "value=" not in following.stdout:
            assert following.process.poll() is None, following.stderr
            trying_out.publish(publish("telemetry/early/follow me", b"record %d" % number))
            number += 1
        assert "before tail" not in following.stdout
        assert following.end(signal.SIGINT) == 0
        assert following.stderr == ""
        line = following.stdout.splitlines()[0]
    assert line.startswith("hono.telemetry.early[")
    assert ' key="follow me" ' in line
    assert ' device_id="follow me" ' in line
    assert ' qos=1 value="record ' in line


def test_tail_filters_by_topic_key_partition_and_header(trying_out: TryingOut) -> None:
    trying_out.publish(
        *(
            publish(topic, payload, packet_id=number)
            for number, (topic, payload) in enumerate(
                [
                    ("telemetry/filter/one", b"1"),
                    ("telemetry/filter/two", b"2"),
                    ("event/filter/one", b"3"),
                    ("event/filter/one/?content-type=x%2Fy", b"4"),
                    ("event/filter/bytes", b"\xff\x00"),
                ],
                1,
            )
        )
    )

    def values(count: int, *options: str) -> list[str]:
        records = trying_out.tail("--count", str(count), "--topic", r"\.filter$", *options)
        return sorted(record["value"] for record in records)

    assert values(5) == ["0xff00", "1", "2", "3", "4"]
    assert values(3, "--key", "one") == ["1", "3", "4"]
    assert values(1, "--key", "two") == ["2"]
    assert values(1, "--header", "content-type=x/y") == ["4"]
    assert values(2, "--header", "device_id=one", "--header", "content-type=application/octet-stream") == ["1", "3"]
    [two] = trying_out.tail("--count", "1", "--topic", "telemetry.filter", "--key", "two")
    partition = str(two["partition"])
    assert values(1, "--partition", partition, "--key", "two") == ["2"]


def test_tail_takes_no_broken_filter() -> None:
    done = command("tail", "--topic", "(")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--topic" in done.stderr


def test_tail_says_that_kafka_cannot_be_reached() -> None:
    address = f"127.0.0.1:{free_port()}"
    done = command("tail", "--bootstrap-servers", address)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"Kafka cannot be read: {address}: [Errno 111] ")
    assert done.stderr.count("\n") == 1


def test_the_embedded_kafka_also_takes_devices_with_passwords(tmp_path: Path) -> None:
    plugins = write_password_file(tmp_path, sensor__demo=PASSWORD)
    with TryingOut(AUTH__REQUIRED="true", AUTH__PLUGINS=plugins) as running:
        with Wire(running.port) as wire:
            wire.send(connect(username="sensor@demo", password=PASSWORD) + publish("telemetry", b"mine"))
            assert wire.receive() == b"\x20\x02\x00\x00"
            assert wire.receive() == b"\x40\x02\x00\x01"
        [record] = running.tail("--count", "1")
        assert (record["topic"], record["key"], record["value"]) == ("hono.telemetry.demo", "sensor", "mine")
        assert running.end(signal.SIGTERM) == 0
