"""The command line of the bench: rounds of measurements, interleaved between the systems, then the report."""

import argparse
import json
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench import environment, limit, ways
from tests.bench.goals import OURS, Goal, goals
from tests.bench.kafka_topics import KafkaTopics
from tests.bench.peers.adapter import Adapter
from tests.bench.peers.aedes_kafkajs import AedesKafkajs
from tests.bench.peers.amqtt_broker import AmqttBroker
from tests.bench.peers.base import Peer
from tests.bench.report import report
from tests.bench.results import Results
from tests.bench.runner import Bench
from tests.bench.shapes import SHAPES, Shape
from tests.support.kafka_broker import KafkaBroker

PEERS: dict[str, Peer] = {peer.name: peer for peer in (Adapter(), AedesKafkajs(), AmqttBroker())}
SECONDS = 4.0
ROUNDS = 3
BROKER_HEAP = "1g"
PARTITIONS = 4
MOST_QOS_2 = 2.5  # times the CPU of QoS 1


def listed(text: str) -> list[str]:
    """Words with commas between."""
    return [word for word in text.split(",") if word]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    systems = [*PEERS, limit.SYSTEM]
    parser.add_argument("--shapes", type=listed, default=list(SHAPES), help=f"of {','.join(SHAPES)}; default: all")
    parser.add_argument("--peers", type=listed, default=systems, help=f"of {','.join(systems)}; default: all")
    parser.add_argument("--no-ways", action="store_true", help="without TLS, WebSocket and QoS 2")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of a run, after warm-up; default: {SECONDS:g}")
    parser.add_argument("--messages", type=int, help="of a run, if that is reached sooner")
    parser.add_argument("--json", type=Path, default=Path("bench-results.json"), help="default: bench-results.json")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args(arguments)
    for name, known in ((options.shapes, SHAPES), (options.peers, systems)):
        unknown = set(name) - set(known)
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def open_files() -> None:
    """Let servers and load generator have as many connections as the shapes want."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(text: str) -> None:
    """Progress, apart from the report."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def order(peers: Sequence[Peer], round_number: int) -> list[Peer]:
    """Each round begins with another system: who comes first meets a cooler machine."""
    at = round_number % len(peers) if peers else 0
    return [*peers[at:], *peers[:at]]


def measure(bench: Bench, shapes: Sequence[Shape], peers: Sequence[Peer], rounds: int, *, with_limit: bool) -> Results:
    """All rounds, after one of Kafka's own benchmark that counts for nothing: it warms the broker."""
    results = Results()
    bench.limit(0)
    for round_number in range(1, rounds + 1):
        if with_limit:
            results.all.append(bench.limit(round_number))
        for shape in shapes:
            for peer in order(peers, round_number):
                if not shape.qos and not peer.to_kafka:
                    continue  # nobody can say when it has them all
                result = bench.measure(peer, shape, round_number)
                results.all.append(result)
                say(f"round {round_number} of {rounds}, {shape.name}, {peer.name}: {result.brief()}")
    return results


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; the exit code is 0 unless `--check` is given and a goal is missed."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and so end what was started
    open_files()
    peers = [PEERS[name] for name in PEERS if name in options.peers]
    shapes = [SHAPES[name] for name in SHAPES if name in options.shapes]
    document: dict[str, Any] = {
        "date": environment.now(),
        "machine": environment.machine(),
        "versions": environment.versions(peers),
        "conditions": {peer.name: peer.conditions for peer in peers},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "messages": options.messages,
        "shapes": [asdict(shape) for shape in shapes],
    }
    with KafkaBroker(fast_start=False, heap=BROKER_HEAP) as broker:
        bench = Bench(broker.bootstrap, KafkaTopics(broker), options.seconds, options.messages)
        results = measure(bench, shapes, peers, options.rounds, with_limit=limit.SYSTEM in options.peers)
        rows = []
        if not options.no_ways and any(peer.name == OURS for peer in peers):
            broker.create_topic(f"hono.telemetry.{ways.TENANT}", PARTITIONS)
            say("the ways in")
            rows = ways.measure(broker.bootstrap, options.rounds, options.seconds)
    reached = goals(results)
    if rows:
        reached.append(Goal("CPU per message, QoS 2 : QoS 1", ways.qos_2_ratio(rows), MOST_QOS_2))
    document["results"] = [asdict(result) for result in results.all]
    document["ways"] = [{"way": row.way.name, "rate": row.rate, "cpu": row.cpu} for row in rows]
    document["goals"] = [{**asdict(goal), "met": goal.met} for goal in reached]
    options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if rows:
        sys.stdout.write("\n" + ways.table(rows))
    sys.stdout.write("\n" + report(results, shapes, peers, reached))
    return 1 if options.check and any(goal.met is False for goal in reached) else 0
