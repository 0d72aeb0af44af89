"""The judge. It knows only the promises (README, "What it guarantees"), not how the adapter works.

A `Story` is what one device did and was told; a `Sighting` is a record that a consumer read. A message is identified by
its device and a number that grows from publish to publish; its payload contains both. The simulation, the chaos tests
and `python -m adapter verify` all use this judge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sighting(NamedTuple):
    """A record read from Kafka. The sightings of one partition are in the order of their offsets."""

    topic: str
    partition: int
    device: str
    number: int


@dataclass(slots=True)
class Story:
    """What one device did and was told, over all its connections.

    Every PUBLISH packet counts as a transmission, including those with DUP, but not QoS 2 repetitions within a session,
    which must not make a record. PUBACKs and PUBRECs that report success are acknowledgements; those of MQTT 5.0 with
    a reason code of 0x80 or more are refusals. The order of answers is judged per connection.
    """

    name: str
    published: dict[int, int] = field(default_factory=dict)  # number → QoS, in the order of the first transmissions
    transmissions: Counter[int] = field(default_factory=Counter)  # number → PUBLISH packets
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    disordered: int = 0  # PUBACKs and PUBRECs that were not for the oldest unanswered PUBLISH of their connection
    _owed: dict[int, None] = field(default_factory=dict)  # unanswered on this connection, in the order of the PUBLISHes

    def connected(self) -> None:
        """Start a new connection: answers of the previous one will not come."""
        self._owed.clear()

    def sent(self, number: int, qos: int, *, within_session: bool = False) -> None:
        """Record a complete PUBLISH packet; `within_session` means that it repeats a QoS 2 message in its session."""
        self.published.setdefault(number, qos)
        self.transmissions[number] += not within_session
        if qos:
            self._owed[number] = None

    def answered(self, number: int, *, success: bool = True) -> None:
        """Record a PUBACK or PUBREC. One that answers nothing counts as out of order."""
        self.disordered += next(iter(self._owed), None) != number
        self._owed.pop(number, None)
        (self.acknowledged if success else self.refused).add(number)

    @property
    def unanswered(self) -> list[int]:
        """The QoS 1 and 2 messages without any answer, in order: the ones a device sends again."""
        known = self.acknowledged | self.refused
        return [number for number, qos in self.published.items() if qos and number not in known]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts of messages, not packets. All but the first four must be 0."""

    messages: int = 0
    acknowledged: int = 0
    records: int = 0
    repeated: int = 0  # further occurrences of messages that the device, or a replaced producer, sent more than once
    lost: int = 0  # acknowledged, but in no record
    reordered: int = 0  # first occurrences behind a later message of the device, in every partition that has them
    unexplained: int = 0  # further occurrences that nothing sent
    disordered: int = 0  # PUBACKs and PUBRECs out of order
    refused_but_there: int = 0  # in Kafka, although the device was told that it is not
    strangers: int = 0  # records of messages that no device sent

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.lost or self.reordered or self.unexplained or self.disordered or self.refused_but_there
            or self.strangers
        )  # fmt: skip

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def judge(stories: Iterable[Story], sightings: Iterable[Sighting], *, repeats: int = 0) -> Verdict:
    """Compare what devices were told with what Kafka has.

    `repeats` is how many records the adapter may have written twice by itself: those whose outcome never became known
    before their producer was replaced.

    After a topic got more partitions, a message can be in two of them, and it cannot be known which record came first.
    The message is in order if it is in order in one of them.
    """
    by_name = {story.name: story for story in stories}
    occurrences: Counter[tuple[str, int]] = Counter()
    latest: dict[tuple[str, int, str], int] = {}
    behind: set[tuple[str, int]] = set()
    records = strangers = 0
    for topic, partition, device, number in sightings:
        records += 1
        story = by_name.get(device)
        if story is None or number not in story.published:
            strangers += 1
            continue
        occurrences[device, number] += 1
        place = (topic, partition, device)
        if number > latest.get(place, -1):
            latest[place] = number
            behind.discard((device, number))
        elif occurrences[device, number] == 1:
            behind.add((device, number))
    repeated = unexplained = 0
    for (device, number), count in occurrences.items():
        explained = min(count - 1, by_name[device].transmissions[number] - 1)
        repeated += explained
        unexplained += count - 1 - explained
    forgiven = min(unexplained, repeats)
    everyone = by_name.values()
    return Verdict(
        messages=sum(len(story.published) for story in everyone),
        acknowledged=sum(len(story.acknowledged) for story in everyone),
        records=records,
        repeated=repeated + forgiven,
        lost=sum((story.name, number) not in occurrences for story in everyone for number in story.acknowledged),
        reordered=len(behind),
        unexplained=unexplained - forgiven,
        disordered=sum(story.disordered for story in everyone),
        refused_but_there=sum((story.name, number) in occurrences for story in everyone for number in story.refused),
        strangers=strangers,
    )
