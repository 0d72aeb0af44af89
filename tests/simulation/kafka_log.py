"""The model of a partition: its log, its leader, its in-sync replicas, and what it knows about producers.

    appended ──the in-sync replicas have it──▶ committed          a consumer sees committed records only
        └── the leader goes first ──▶ kept by the next one and committed, or cut off

After KIP-98: a producer id's batches must follow each other without a gap; one of the last five that comes again is
acknowledged and not written; a producer that the partition does not know may begin anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiokafka import errors

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

NO_LEADER = -1
REMEMBERED_BATCHES = 5

Name = tuple[str, int]  # device and number of a message


class Stored(NamedTuple):
    """A batch in the log. `late`: nobody waited for it any more when it came. `turn`: of all that was ever appended."""

    producer: int | None
    sequence: int
    names: tuple[Name, ...]
    late: bool
    turn: int


class Append(NamedTuple):
    """What became of a try to append: where its end is in the log, or the error; `repeated`: it was there already."""

    end: int = 0
    error: type[Exception] | None = None
    repeated: bool = False


class Partition:
    """`epoch` grows with every leader. `committed` counts stored batches."""

    def __init__(self, leader: int, on_committed: Callable[[Stored], None]) -> None:
        self.leader = leader
        self.epoch = 0
        self.log: list[Stored] = []
        self.committed = 0
        self.lacks_replicas = 0  # how many faults hold it below min.insync.replicas
        self.leaderless = 0
        self.mistaken: set[int] = set()  # producers that are told once that they are out of order
        self.forgotten: set[int] = set()  # producers that are told that they are unknown
        self._on_committed = on_committed

    def append(self, producer: int | None, sequence: int, names: tuple[Name, ...], *, late: bool, turn: int) -> Append:
        """As the leader does it."""
        if self.lacks_replicas:
            return Append(error=errors.NotEnoughReplicasError)
        if producer is not None:
            if producer in self.mistaken:
                self.mistaken.discard(producer)
                return Append(error=errors.OutOfOrderSequenceNumber)
            if producer in self.forgotten:
                return Append(error=errors.UnknownProducerId)
            known = [
                (stored.sequence, len(stored.names), end)
                for end, stored in enumerate(self.log, 1)
                if stored.producer == producer
            ]
            for first, count, end in known[-REMEMBERED_BATCHES:]:
                if first == sequence and count == len(names):
                    return Append(end, repeated=True)
            if known and known[-1][0] + known[-1][1] != sequence:
                return Append(error=errors.OutOfOrderSequenceNumber)
        self.log.append(Stored(producer, sequence, names, late, turn))
        return Append(len(self.log))

    def commit(self, end: int) -> None:
        """The in-sync replicas have what is before `end`."""
        for stored in self.log[self.committed : end]:
            self._on_committed(stored)
        self.committed = max(self.committed, min(end, len(self.log)))

    def lead(self, broker: int, rng: random.Random) -> None:
        """Another broker leads from now on. It may have what was not committed, or the first of it, or nothing."""
        self.epoch += 1
        self.leader = broker
        if broker != NO_LEADER and len(self.log) > self.committed:
            del self.log[rng.randint(self.committed, len(self.log)) :]
            self.commit(len(self.log))

    def offset(self, end: int) -> int:
        """Of the first record of the batch that ends there."""
        return sum(len(stored.names) for stored in self.log[: end - 1])
