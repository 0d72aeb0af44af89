"""One device of the load generator: a socket that keeps its window of PUBLISH packets full.

It must cost far less than what it measures, so nothing is built while it runs: its packets stand ready in a ring, a
send is a slice of the ring, and what comes back is compared with a slice of the ring of the PUBACKs expected.
"""

import socket
from collections import Counter, deque
from dataclasses import dataclass
from time import perf_counter

from tests.bench.latency import BUCKETS_PER_SECOND
from tests.support import packets

PUBACK_SIZE = 4  # also in 5.0: a success needs neither reason code nor properties (section 3.4.2.1)
# More identifiers than the window: none is used again while a peer that acknowledges out of order owes its PUBACK.
RING_WINDOWS = 4
SMALLEST_RING = 32
KEEP_ALIVE = 600  # seconds: longer than any run, and servers keep their timer for it
READ_SIZE = 65_536
SEND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Device:
    """Who a device is and what it publishes."""

    number: int
    topic: str
    payload_size: int
    qos: int
    window: int
    username: str | None = None
    password: str | None = None
    level: int = 4

    @property
    def client_id(self) -> str:
        """Its client identifier; servers without authentication take it as the record's key."""
        return f"device{self.number}"

    def connect_packet(self) -> bytes:
        """Its CONNECT."""
        return packets.connect(
            self.client_id,
            level=self.level,
            keep_alive=KEEP_ALIVE,
            username=self.username,
            password=self.password,
        )

    def publish_packet(self, packet_id: int) -> bytes:
        """Its PUBLISH with that identifier; the payload says who sent it and which of the ring it is."""
        payload = b"%08d/%06d/" % (self.number, packet_id)
        payload += b"x" * (self.payload_size - len(payload))
        return packets.publish(self.topic, payload, qos=self.qos, packet_id=packet_id, level=self.level)


class Publisher:
    """A connected device. The caller reads its counters and tells it when the socket is ready."""

    __slots__ = (
        "_acks",
        "_at",
        "_backlog",
        "_expected",
        "_packet_size",
        "_packets",
        "_rest",
        "_ring",
        "_sent",
        "disordered",
        "sock",
        "window",
    )

    def __init__(self, device: Device, sock: socket.socket) -> None:
        self.sock = sock
        self.window = device.window
        self.disordered = 0
        self._sent: deque[tuple[float, int]] = deque()  # when, how many
        self._ring = max(SMALLEST_RING, RING_WINDOWS * device.window)
        # A window more than the ring, so that a slice never wraps.
        identifiers = [1 + index % self._ring for index in range(self._ring + device.window)]
        built = [device.publish_packet(identifier) for identifier in identifiers]
        self._packet_size = len(built[0])
        self._packets = memoryview(b"".join(built))
        self._acks = b"".join(map(packets.puback, identifiers)) if device.qos else b""
        self._at = 0
        self._expected = 0
        self._rest = b""
        self._backlog: deque[memoryview] = deque()

    def publish(self, count: int, now: float) -> bool:
        """Send the next `count`, at most a window; False when the socket took a part: `flush` when it is writable."""
        if self._acks:
            self._sent.append((now, count))
        at, size = self._at, self._packet_size
        chunk = self._packets[at * size : (at + count) * size]
        self._at = (at + count) % self._ring
        if self._backlog:
            self._backlog.append(chunk)
            return False
        try:
            sent = self.sock.send(chunk)
        except BlockingIOError:
            sent = 0
        if sent == len(chunk):
            return True
        self._backlog.append(chunk[sent:])
        return False

    def flush(self) -> bool:
        """Send what is left over; whether all of it left."""
        while self._backlog:
            chunk = self._backlog[0]
            try:
                sent = self.sock.send(chunk)
            except BlockingIOError:
                return False
            if sent < len(chunk):
                self._backlog[0] = chunk[sent:]
                return False
            self._backlog.popleft()
        return True

    def flush_all(self) -> None:
        """Wait until what is left over has left; TimeoutError when the server does not read."""
        self.sock.settimeout(SEND_SECONDS)
        while self._backlog:
            self.sock.sendall(self._backlog.popleft())
        self.sock.settimeout(0)

    def acknowledged(self, latencies: Counter[int]) -> int:
        """Read PUBACKs; how many came. What they took goes into the histogram.

        Raises ConnectionError when the server closed the connection or sent something else.
        """
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the server closed a connection")
        now = perf_counter()
        if self._rest:
            data = self._rest + data
        count, over = divmod(len(data), PUBACK_SIZE)
        self._rest = data[-over:] if over else b""
        if over:
            data = data[:-over]
        at = self._expected
        end = at + count
        if data != self._acks[at * PUBACK_SIZE : end * PUBACK_SIZE]:
            self._compare(data, at)
        self._expected = end % self._ring
        self._measure(now, count, latencies)
        return count

    def _measure(self, now: float, count: int, latencies: Counter[int]) -> None:
        """The oldest `count` messages are acknowledged: chunk by chunk, not one by one."""
        sent = self._sent
        while count:
            when, size = sent[0]
            bucket = int((now - when) * BUCKETS_PER_SECOND)
            if size <= count:
                sent.popleft()
                count -= size
                latencies[bucket] += size
            else:
                sent[0] = (when, size - count)
                latencies[bucket] += count
                count = 0

    def _compare(self, data: bytes, at: int) -> None:
        """Count the PUBACKs that are not where they belong."""
        for place in range(0, len(data), PUBACK_SIZE):
            ack = data[place : place + PUBACK_SIZE]
            if ack[:2] != b"\x40\x02":
                raise ConnectionError(f"not a PUBACK: {ack.hex()}")
            expected = at * PUBACK_SIZE + place
            if ack != self._acks[expected : expected + PUBACK_SIZE]:
                self.disordered += 1
