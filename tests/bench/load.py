"""The load generator, a process of its own: connects devices, keeps their windows full, measures what comes back.

`python -m tests.bench.load JSON` with the fields of `Load`. Then one command a line on standard input, one JSON answer
a line on standard output:
    run SECONDS MESSAGES   publish until either is reached, wait for every PUBACK, answer with the fields of `Measured`
    quit                   send DISCONNECT and end (so does the end of the input)
The first answer, `{"connected": N}`, comes by itself. A load is closed: a device sends its next message when one is
acknowledged, so latencies hold for that window, not for devices that send on a clock.
"""

import gc
import json
import select
import socket
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from tests.bench.device import Device, Publisher
from tests.bench.latency import percentile
from tests.support import packets

CONNECTING_AT_ONCE = 50
CONNECT_SECONDS = 60.0
QUIET_SECONDS = 30.0  # without a single PUBACK: the server is stuck
EVENTS_AT_ONCE = 4096
QOS_0_CHUNK = 50
READ = select.EPOLLIN
READ_WRITE = select.EPOLLIN | select.EPOLLOUT


@dataclass(frozen=True, slots=True)
class Load:
    """The devices. `topic`, `username` and `password` may hold `{n}`, the number of the device."""

    port: int
    connections: int
    window: int
    topic: str
    qos: int = 1
    payload_size: int = 128
    username: str | None = None
    password: str | None = None
    level: int = 4
    first: int = 0  # the number of the first device
    host: str = "127.0.0.1"

    def part(self, first: int, end: int) -> Self:
        """Some of the devices."""
        return replace(self, first=first, connections=end - first)

    def device(self, number: int) -> Device:
        """One of them."""
        return Device(
            number=number,
            topic=self.topic.format(n=number),
            payload_size=self.payload_size,
            qos=self.qos,
            window=self.window if self.qos else QOS_0_CHUNK,
            username=self.username.format(n=number) if self.username is not None else None,
            password=self.password.format(n=number) if self.password is not None else None,
            level=self.level,
        )


@dataclass(slots=True)
class Measured:
    """A run. `seconds` from the first PUBLISH to the last PUBACK (QoS 0: to the last PUBLISH); `p50`, `p99` in ms."""

    messages: int = 0
    seconds: float = 0.0
    disordered: int = 0  # PUBACKs that were not in the order of the PUBLISH packets
    p50: float | None = None
    p99: float | None = None
    latencies: Counter[int] = field(default_factory=Counter)

    def answer(self) -> dict[str, Any]:
        """What is printed."""
        fields = asdict(self)
        del fields["latencies"]
        if self.latencies:
            fields["p50"] = percentile(self.latencies, 0.50)
            fields["p99"] = percentile(self.latencies, 0.99)
        return fields


def read_connack(sock: socket.socket, level: int) -> None:
    """Take the CONNACK and nothing more. Raises ConnectionError unless it says success."""
    head = receive(sock, 2)
    body = receive(sock, head[1])  # a Remaining Length below 128: no server here sends that many properties
    if head[0] != packets.CONNACK_OK[0] or body[1] != 0 or (level == 4 and len(body) != 2):
        raise ConnectionError(f"CONNECT was answered with {(head + body).hex()}")


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the server closed a connection before its CONNACK")
        data += more
    return data


def connect(load: Load) -> list[Publisher]:
    """All devices, connected and accepted."""
    publishers = []
    end = load.first + load.connections
    with ExitStack() as sockets:
        for first in range(load.first, end, CONNECTING_AT_ONCE):
            waiting = []
            for number in range(first, min(first + CONNECTING_AT_ONCE, end)):
                device = load.device(number)
                sock = sockets.enter_context(socket.create_connection((load.host, load.port), CONNECT_SECONDS))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.sendall(device.connect_packet())
                waiting.append((device, sock))
            for device, sock in waiting:
                read_connack(sock, load.level)
                sock.settimeout(0)
                publishers.append(Publisher(device, sock))
        sockets.pop_all()
    return publishers


def run_acknowledged(publishers: list[Publisher], seconds: float, messages: int) -> Measured:
    """QoS 1: every device keeps `window` messages in flight.

    Raises ConnectionError when the server closes a connection, TimeoutError when it acknowledges nothing for long.
    """
    measured = Measured()
    latencies = measured.latencies
    clock = time.perf_counter
    poll = select.epoll()
    devices = {publisher.sock.fileno(): publisher for publisher in publishers}
    left = messages
    started = clock()
    deadline = started + seconds
    for number, publisher in devices.items():
        count = min(publisher.window, left)
        left -= count
        poll.register(number, READ if publisher.publish(count, clock()) else READ_WRITE)
    in_flight = messages - left
    while in_flight:
        events = poll.poll(QUIET_SECONDS, EVENTS_AT_ONCE)
        if not events:
            raise TimeoutError(f"no PUBACK for {QUIET_SECONDS:.0f} s, {in_flight} are owed")
        now = clock()
        if now > deadline:
            left = 0
        for number, event in events:
            publisher = devices[number]
            if event & select.EPOLLOUT and publisher.flush():
                poll.modify(number, READ)
            if event == select.EPOLLOUT:
                continue
            acknowledged = publisher.acknowledged(latencies)
            measured.messages += acknowledged
            again = min(acknowledged, left)
            left -= again
            in_flight += again - acknowledged
            if again and not publisher.publish(again, clock()):
                poll.modify(number, READ_WRITE)
    measured.seconds = clock() - started
    poll.close()
    for publisher in publishers:
        measured.disordered += publisher.disordered
        publisher.disordered = 0
    return measured


def run_unacknowledged(publishers: list[Publisher], seconds: float, messages: int) -> Measured:
    """QoS 0: as fast as the server reads. Raises TimeoutError when it reads nothing for long."""
    measured = Measured()
    clock = time.perf_counter
    poll = select.epoll()
    devices = {publisher.sock.fileno(): publisher for publisher in publishers}
    for number in devices:
        poll.register(number, select.EPOLLOUT)
    started = clock()
    while measured.messages < messages and clock() - started < seconds:
        events = poll.poll(QUIET_SECONDS, EVENTS_AT_ONCE)
        if not events:
            raise TimeoutError(f"the server read nothing for {QUIET_SECONDS:.0f} s")
        for number, _ in events:
            publisher = devices[number]
            count = min(publisher.window, messages - measured.messages)
            if publisher.flush() and count:
                publisher.publish(count, 0.0)
                measured.messages += count
    poll.close()
    for publisher in publishers:
        publisher.flush_all()
    measured.seconds = clock() - started
    return measured


def main(load: Load) -> None:
    """Connect, then obey."""
    publishers = connect(load)
    gc.freeze()
    gc.disable()
    say({"connected": len(publishers)})
    run = run_acknowledged if load.qos else run_unacknowledged
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "quit":
            break
        seconds, messages = arguments
        say(run(publishers, float(seconds), int(messages)).answer())
    for publisher in publishers:
        publisher.sock.settimeout(QUIET_SECONDS)
        publisher.sock.sendall(packets.DISCONNECT)
        publisher.sock.close()


def say(answer: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Load(**json.loads(sys.argv[1])))
