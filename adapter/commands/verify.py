"""`verify`: tests the adapter's promises on a running deployment."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.commands import exit_codes, size
from adapter.errors import KafkaError
from adapter.kafka import keep_aiokafka_off_stderr
from adapter.kafka.watch import TopicWatch
from adapter.settings import load_settings
from adapter.verify.proof import Proof
from adapter.verify.publisher import MqttRefusedError, MqttUnreachableError, Series
from adapter.wiring import kafka_options

if TYPE_CHECKING:
    import argparse

    from adapter.commands import Commands
    from adapter.verify.report import Report

PASSWORD = "VERIFY_PASSWORD"  # noqa: S105 - the name of a variable; ADAPTER_* are settings of the service
QOS = {"1": (1,), "2": (2,), "mixed": (1, 1, 1, 0)}
LEVELS = {"3.1.1": (4,), "5.0": (5,), "both": (4, 5)}


def add_parser(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "verify",
        help="test the promises on a running deployment",
        description="Publishes to a running adapter with synthetic devices, reads the records back from Kafka, and "
        "reports whether an acknowledged message was lost, was out of order, or was acknowledged before it could be "
        "read: a few devices begin with one message in flight, and each of their PUBACKs is checked against Kafka; "
        "then all publish. Devices reconnect when their connection breaks, so you can kill brokers and adapters "
        "meanwhile. Connects to Kafka as the service does, with the ADAPTER_KAFKA__* variables. The password of the "
        f"devices is in {PASSWORD} (or {PASSWORD}_FILE).",
        epilog="Exit codes: 0 every promise was kept, 1 one was broken, nothing was acknowledged or too few PUBACKs "
        "were checked, 2 wrong arguments or settings, 4 the adapter, Kafka or the topic cannot be reached, or the "
        "devices are refused, 130 interrupted: Ctrl-C stops the devices and reports on what they have published, a "
        "second one leaves at once.",
    )
    parser.add_argument("--mqtt", metavar="HOST:PORT", default="localhost:1883", help="default: localhost:1883")
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help="instead of ADAPTER_KAFKA__BOOTSTRAP_SERVERS")
    parser.add_argument("--tenant", default="verify", help="its topic must exist; default: verify")
    parser.add_argument(
        "--mqtt-topic", metavar="PATTERN", default="telemetry/{tenant}/{device}", help="default: %(default)s"
    )
    parser.add_argument(
        "--kafka-topic",
        metavar="NAME",
        help="where its records go; default: ADAPTER_KAFKA__TELEMETRY_TOPIC of the tenant",
    )
    parser.add_argument("--username", metavar="PATTERN", help="such as {device}@{tenant}; default: no credentials")
    parser.add_argument("--devices", type=int, default=20, metavar="N", help="default: 20")
    parser.add_argument("--messages", type=int, default=500, metavar="N", help="for each device; default: 500")
    parser.add_argument("--window", type=int, default=20, metavar="N", help="unacknowledged at a time; default: 20")
    parser.add_argument("--rate", type=float, metavar="N", help="messages per second of all devices; default: no limit")
    parser.add_argument("--seconds", type=float, default=300, metavar="S", help="time limit; default: 300")
    parser.add_argument("--payload-size", type=size, default=128, metavar="BYTES", help="at least; default: 128")
    parser.add_argument(
        "--qos", choices=tuple(QOS), default="1", help="mixed: every fourth message with QoS 0; default: 1"
    )
    parser.add_argument(
        "--level", choices=tuple(LEVELS), default="both", help="MQTT version; default: both, alternating"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish, read back, and print the report."""
    settings = load_settings(os.environ)
    keep_aiokafka_off_stderr()
    host, _, port = arguments.mqtt.rpartition(":")
    if not host or not port.isdigit() or min(arguments.devices, arguments.messages, arguments.window) < 1:
        sys.stderr.write("--mqtt is HOST:PORT; --devices, --messages and --window are at least 1\n")
        return exit_codes.USAGE
    run_id = secrets.token_hex(4)
    topic = arguments.kafka_topic or settings.kafka.telemetry_topic.replace("{tenant}", arguments.tenant)
    series = [_series(arguments, host, int(port), f"verify-{number}") for number in range(1, arguments.devices + 1)]

    def say(line: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    async def prove() -> Report:
        watch = TopicWatch(kafka_options(settings, arguments.bootstrap_servers), topic)
        proof = Proof(run_id, series, watch, arguments.seconds, arguments.payload_size, say)
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: proof.interrupt() or task.cancel())
        try:
            await watch.start()
            return await proof.run()
        finally:
            await watch.stop()

    sys.stderr.write(
        f"Run {run_id}: devices {series[0].name} to {series[-1].name} publish {arguments.messages} messages each to "
        f"{arguments.mqtt}; the records stay in Kafka topic {topic}.\n"
    )
    try:
        report = asyncio.run(prove())
    except KafkaError as error:
        sys.stderr.write(f"Kafka: {error}\n")
        return exit_codes.UNAVAILABLE
    except (MqttUnreachableError, MqttRefusedError) as error:
        sys.stderr.write(f"MQTT: {error}\n")
        return exit_codes.UNAVAILABLE
    except asyncio.CancelledError:
        sys.stderr.write("Interrupted.\n")
        return exit_codes.INTERRUPTED
    say("")
    sys.stdout.write(json.dumps(report.as_dict()) + "\n" if arguments.json else report.as_text())
    if report.interrupted:
        return exit_codes.INTERRUPTED
    return exit_codes.OK if report.proved else exit_codes.REFUSED


def _series(arguments: argparse.Namespace, host: str, port: int, device: str) -> Series:
    number = int(device.rpartition("-")[2])
    levels = LEVELS[arguments.level]
    names = {"tenant": arguments.tenant, "device": device}
    return Series(
        host=host,
        port=port,
        name=device,
        topic=arguments.mqtt_topic.format_map(names),
        level=levels[number % len(levels)],
        count=arguments.messages,
        window=arguments.window,
        qos=QOS[arguments.qos],
        pause=arguments.devices / arguments.rate if arguments.rate else 0.0,
        username=arguments.username.format_map(names) if arguments.username else None,
        password=_password() if arguments.username else None,
    )


def _password() -> str:
    file = os.environ.get(f"{PASSWORD}_FILE")
    return Path(file).read_text(encoding="utf-8").rstrip("\n") if file else os.environ.get(PASSWORD, "")
