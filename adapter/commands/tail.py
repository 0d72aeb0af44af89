"""`tail`: prints records as they reach Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from adapter.commands import exit_codes, name_and_value
from adapter.errors import KafkaError
from adapter.kafka import keep_aiokafka_off_stderr
from adapter.kafka.tail import TailFilter, tail
from adapter.settings import load_settings
from adapter.wiring import kafka_options

if TYPE_CHECKING:
    import argparse

    from adapter.commands import Commands
    from adapter.kafka.tail import TailRecord


def add_parser(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "tail",
        help="print records as they reach Kafka",
        description="Prints the records that reach Kafka, one per line: topic, partition, offset, key, headers, value. "
        "Connects to Kafka as the service does, with the ADAPTER_KAFKA__* variables.",
        epilog="Exit codes: 0 stopped by Ctrl-C or --count, 2 wrong arguments or settings, 4 Kafka cannot be reached.",
    )
    parser.add_argument("--bootstrap-servers", metavar="HOST:PORT", help="instead of ADAPTER_KAFKA__BOOTSTRAP_SERVERS")
    parser.add_argument(
        "--topic",
        metavar="REGEX",
        default=r"^(?!__)",
        help="topics with a matching name; default: all but internal ones",
    )
    parser.add_argument("--partition", type=int, metavar="N", help="only this partition")
    parser.add_argument("--key", help="only records with this key")
    parser.add_argument(
        "--header",
        metavar="NAME=VALUE",
        type=name_and_value,
        action="append",
        default=[],
        help="only records with this header; repeatable",
    )
    parser.add_argument("--from-beginning", action="store_true", help="start with the oldest record, not with new ones")
    parser.add_argument("--count", type=int, metavar="N", help="stop after N records")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print records until stopped."""
    settings = load_settings(os.environ)
    keep_aiokafka_off_stderr()  # errors are reported at the end
    try:
        topics = re.compile(arguments.topic)
    except re.error as error:
        sys.stderr.write(f"--topic: not a regular expression: {error}\n")
        return exit_codes.USAGE
    headers = tuple((name, value.encode()) for name, value in arguments.header)
    wanted = TailFilter(
        topics, arguments.partition, arguments.key.encode() if arguments.key is not None else None, headers
    )
    form = as_json if arguments.json else as_text

    async def follow() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        options = kafka_options(settings, arguments.bootstrap_servers)
        records = tail(options, wanted, from_beginning=arguments.from_beginning, limit=arguments.count)
        try:
            async with aclosing(records):
                async for record in records:
                    sys.stdout.write(form(record) + "\n")
                    sys.stdout.flush()
        except asyncio.CancelledError:
            return exit_codes.OK
        except KafkaError as error:
            sys.stderr.write(f"Kafka cannot be read: {error}\n")
            return exit_codes.UNAVAILABLE
        return exit_codes.OK

    return asyncio.run(follow())


def _shown(value: bytes | None) -> str | None:
    """Return UTF-8 as text, and other bytes in hexadecimal."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()


def as_json(record: TailRecord) -> str:
    """Return the record as one line of JSON."""
    fields: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _shown(record.key),
        "headers": [[name, _shown(value)] for name, value in record.headers],
        "value": _shown(record.value),
    }
    return json.dumps(fields, ensure_ascii=False)


def as_text(record: TailRecord) -> str:
    """Return the record as one line for people, with control characters escaped."""
    headers = " ".join(f"{name}={_quoted(value)}" for name, value in record.headers)
    place = f"{record.topic}[{record.partition}]@{record.offset}"
    return f"{place} key={_quoted(record.key)} {headers} value={_quoted(record.value)}"


def _quoted(value: bytes | None) -> str:
    shown = _shown(value)
    if shown is None:
        return "null"
    plain = bool(shown) and shown.isprintable() and not set(shown) & set(" \"'=")
    return shown if plain else json.dumps(shown, ensure_ascii=not shown.isprintable())
