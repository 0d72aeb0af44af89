"""The shapes of load: how many devices, and how much each of them has in flight."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """`window` is the unacknowledged publishes of one connection; 0: connected and idle. `messages` bounds a run."""

    name: str
    title: str
    connections: int
    window: int
    qos: int = 1
    messages: int = 1_000_000

    @property
    def idle(self) -> bool:
        """Whether it measures memory, not messages."""
        return self.window == 0


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("20x20", "20 connections, window 20", 20, 20),
        Shape("20x200", "20 connections, window 200", 20, 200),
        Shape("100x1", "100 connections, window 1", 100, 1),
        Shape("1000x1", "1,000 connections, window 1", 1000, 1),
        # Without acknowledgements nothing but TCP holds the devices back: a fixed number, until Kafka has it.
        Shape("qos0", "20 connections, QoS 0", 20, 1, qos=0, messages=300_000),
        Shape("idle", "5,000 idle connections", 5000, 0),
    )
}
