"""What Kafka itself can take: its own producer benchmark, against the same broker.

Its records are made in the producer's process, without MQTT in front: no adapter can reach it.
"""

import re
import resource
import subprocess

from tests.bench.results import Result
from tests.support.kafka_dist import ensure_kafka

CLASS = "org.apache.kafka.tools.ProducerPerformance"
RECORDS = 1_500_000
SECONDS = 120.0
# Its last line sums up: "1500000 records sent, 277161.9 records/sec (33.83 MB/sec), … 200 ms 50th, … 384 ms 99th, …"
SUMMARY = re.compile(
    r"(?P<records>\d+) records sent, (?P<rate>[\d.]+) records/sec .* (?P<p50>\d+) ms 50th, .* (?P<p99>\d+) ms 99th,"
)
SYSTEM = "kafka"
SHAPE = "limit"


def parse(output: str, round_number: int, cpu_seconds: float) -> Result:
    """Its own figures. Raises ValueError when they are not there."""
    match = SUMMARY.search(output)
    if match is None:
        raise ValueError(f"{CLASS} printed no summary:\n{output}")
    records = int(match["records"])
    rate = float(match["rate"])
    return Result(
        system=SYSTEM,
        shape=SHAPE,
        round=round_number,
        messages=records,
        seconds=records / rate,
        rate=rate,
        cpu_us=cpu_seconds / records * 1e6,
        p50_ms=float(match["p50"]),
        p99_ms=float(match["p99"]),
    )


def measure(bootstrap_servers: str, topic: str, round_number: int) -> Result:
    """Run it; the CPU time includes the start of its JVM."""
    command = [
        *("java", "-cp", f"{ensure_kafka()}/*", CLASS),
        *("--topic", topic),
        *("--num-records", str(RECORDS)),
        *("--record-size", "128"),
        *("--throughput", "-1"),
        *("--producer-props", f"bootstrap.servers={bootstrap_servers}", "acks=all", "enable.idempotence=true"),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return parse(output, round_number, cpu_seconds)
