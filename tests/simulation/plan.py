"""A history before it happens: settings, devices, faults. A seed makes one; it can be written down, cut down, replayed.

Everything here is plain data. What is left to chance while it happens (latencies, chunks) comes from the seed and the
name of what it happens to, so that leaving out one device or fault changes little for the others.
"""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import dataclass, replace
from typing import Any

TENANT = "t0"
# MQTT topic → whether the device has to expect that it is refused. `{d}` is the device.
TOPICS = (
    ("telemetry", False),
    ("t", False),
    ("telemetry/t0/{d}", False),
    ("event", False),
    ("e/t0/{d}", False),
    ("nonsense/{d}", True),
    ("t/?content-type=forbidden", True),
)
TELEMETRY = "hono.telemetry.t0"
EVENT = "hono.event.t0"
DEAD_LETTERS = "dead.letters"
BROKERS = 3


@dataclass(frozen=True)
class Config:
    """Times in seconds, sizes in bytes."""

    partitions: int = 2
    idempotence: bool = True
    delivery_timeout: float = 4.0
    request_timeout: float = 1.0
    drain_timeout: float = 3.0
    linger: float = 0.0
    receive_maximum: int = 10
    max_pending_bytes: int = 100_000
    max_batch_size: int = 4_000
    max_records: int = 2**31 - 1
    refresh: float = 2.0
    checks_topics: bool = False
    dead_letters: bool = False
    fleet: float = 0.0  # seconds that it takes to close the others, when connections fail
    latency: float = 0.0  # one way to Kafka, or to a replica, more than a few milliseconds


@dataclass(frozen=True)
class Message:
    """`pause` in seconds before it; `number` is its name; `poison`: Kafka rejects it."""

    number: int
    pause: float
    topic: int
    qos: int
    size: int
    poison: bool = False


@dataclass(frozen=True)
class Connection:
    """`chunks`: whole, cut or bytes. `end`: none, clean, unclean, half, vanish, takeover, malformed.

    It comes `after` so many packets; `malformed` after 0 follows the CONNECT at once.
    """

    chunks: str = "whole"
    slow: bool = False
    end: str = "none"
    after: int = 0


@dataclass(frozen=True)
class Device:
    """One device: what it publishes, and how its connections end; the last one stays. `window`: most in flight.

    `forgets_dup`: it repeats its QoS 2 messages without DUP; in 3.1.1 also some that have no answer for a while.
    """

    name: str
    level: int
    clean: bool
    window: int
    start: float
    messages: tuple[Message, ...]
    connections: tuple[Connection, ...] = ()
    forgets_dup: bool = False


@dataclass(frozen=True)
class Fault:
    """`at` and `span` in seconds; `place` and `amount` mean what the kind says (`faults.py`)."""

    kind: str
    at: float
    span: float = 0.0
    place: int = 0
    amount: int = 1


@dataclass(frozen=True)
class Plan:
    """`stop` is "term" or "kill" at `stop_at` seconds; the next process follows."""

    seed: int
    config: Config
    devices: tuple[Device, ...]
    faults: tuple[Fault, ...]
    stop: str = ""
    stop_at: float = 0.0

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        told: dict[str, Any] = json.loads(text)
        devices = tuple(
            Device(
                **{
                    **device,
                    "messages": tuple(Message(**message) for message in device["messages"]),
                    "connections": tuple(Connection(**connection) for connection in device["connections"]),
                }
            )
            for device in told["devices"]
        )
        faults = tuple(Fault(**fault) for fault in told["faults"])
        return cls(**{**told, "config": Config(**told["config"]), "devices": devices, "faults": faults})


# Kinds of faults, with the longest they last in seconds (0: an instant) and how many places there are.
FAULTS = {
    "broker down": (5.0, BROKERS),
    "broker stalled": (6.0, BROKERS),
    "all brokers away": (7.0, 1),
    "no leader": (4.0, 4),
    "leader moves": (0.0, 4),
    "too few in-sync replicas": (4.0, 4),
    "answers lost": (3.0, 1),
    "slow": (4.0, 1),
    "connections refused": (4.0, 1),
    "not authorised for a topic": (2.0, 3),
    "not authorised for the cluster": (2.0, 1),
    "producers fenced": (0.0, 1),
    "producers forgotten": (0.0, 1),
    "sequence out of order": (0.0, 4),
    "sender dies": (0.0, 1),
    "smaller batches allowed": (3.0, 3),
    "partitions added": (0.0, 3),
    "topic deleted": (3.0, 3),
}
FAULTS_UNTIL = 5.0


def make(seed: int) -> Plan:
    """The history of a seed."""
    rng = random.Random(seed)
    config = Config(
        partitions=rng.choice((1, 1, 2, 3)),
        idempotence=rng.random() < 0.85,
        delivery_timeout=rng.choice((4.0, 8.0, 20.0)),
        request_timeout=rng.choice((0.5, 1.0, 2.0)),
        drain_timeout=rng.choice((0.3, 2.0, 5.0)),
        linger=rng.choice((0.0, 0.0, 0.002)),
        receive_maximum=rng.choice((2, 5, 20)),
        max_pending_bytes=rng.choice((2_000, 6_000, 100_000, 100_000)),
        max_batch_size=rng.choice((1_500, 4_000, 16_000)),
        max_records=rng.choice((12, 2**31 - 1, 2**31 - 1, 2**31 - 1)),
        refresh=rng.choice((0.7, 2.0)),
        checks_topics=rng.random() < 0.3,
        dead_letters=rng.random() < 0.25,
        fleet=rng.choice((0.0, 0.0, 1.5)),
        latency=rng.choice((0.0, 0.01, 0.05, 0.15)),
    )
    devices = tuple(_device(rng, f"d{index}") for index in range(rng.randint(1, 5)))
    devices = tuple(_with_oddities(random.Random(f"{seed}/{device.name}/oddities"), device) for device in devices)
    faults = tuple(_fault(rng) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))))
    stop = rng.choice(("", "", "term", "kill"))
    return Plan(seed, config, devices, faults, stop, _round(rng.uniform(0.1, FAULTS_UNTIL)) if stop else 0.0)


def _device(rng: random.Random, name: str) -> Device:
    topics = rng.sample(range(5), rng.choice((1, 1, 2, 3)))
    pace = rng.choice((0.0, 0.02, 0.2, 0.6))
    odd = rng.choice((0.0, 0.0, 0.1))  # how many of its messages are refused
    qos_0 = rng.choice((0.0, 0.0, 0.3))
    big = rng.choice((20, 60, 400))
    messages = []
    for number in range(1, rng.randint(3, 22)):
        strange = rng.random() < odd
        topic = rng.choice((5, 6, topics[0], topics[0])) if strange else rng.choice(topics)
        messages.append(
            Message(
                number=number,
                pause=_round(rng.expovariate(1.0) * pace) if rng.random() < 0.7 else 0.0,
                topic=topic,
                qos=0 if rng.random() < qos_0 and (topic not in (3, 4) or rng.random() < 0.1) else 1,
                size=rng.randint(0, big),
                poison=strange and topic < 5,
            )
        )
    connections = tuple(_connection(rng) for _ in range(rng.choice((0, 1, 1, 2, 4))))
    level = rng.choice((4, 5))
    clean = rng.random() < 0.5
    qos_2 = rng.choice((0.0, 0.0, 0.4, 1.0))
    return Device(
        name=name,
        level=level,
        clean=clean,
        window=rng.choice((1, 3, 30)),
        start=_round(rng.uniform(0.0, 1.5)),
        messages=tuple(
            replace(message, qos=2) if message.qos and rng.random() < qos_2 else message for message in messages
        ),
        connections=connections,
    )


def _with_oddities(rng: random.Random, device: Device) -> Device:
    """What some devices do against the rules, or seldom."""
    connections = tuple(
        replace(connection, end="malformed", after=rng.choice((0, 1, 3))) if rng.random() < 0.08 else connection
        for connection in device.connections
    )
    messages = list(device.messages)
    if rng.random() < 0.3:  # something new behind messages of QoS 2, which arrives with them
        for at in range(1, len(messages)):
            if messages[at - 1].qos == 2 and rng.random() < 0.5:
                messages[at] = replace(messages[at], qos=0, topic=rng.randrange(3), pause=0.0, poison=False)
    return replace(device, messages=tuple(messages), connections=connections, forgets_dup=rng.random() < 0.3)


def _connection(rng: random.Random) -> Connection:
    return Connection(
        chunks=rng.choice(("whole", "whole", "cut", "bytes")),
        slow=rng.random() < 0.15,
        end=rng.choice(("none", "clean", "unclean", "half", "vanish", "takeover")),
        after=rng.randint(1, 10),
    )


def _fault(rng: random.Random) -> Fault:
    kind = rng.choice(list(FAULTS))
    longest, places = FAULTS[kind]
    return Fault(
        kind=kind,
        at=_round(rng.uniform(0.05, FAULTS_UNTIL)),
        span=_round(rng.uniform(0.02, longest)) if longest else 0.0,
        place=rng.randrange(places),
        amount=rng.randint(1, 3),
    )


def _round(seconds: float) -> float:
    return round(seconds, 4)
