"""The end of a history: what Kafka has is put before the judge, with what only the model can know.

- A batch can land when nobody waits for it any more: its producer was given up, or its process was killed. Nothing that
  a client can do prevents it (only transactions would), so such first occurrences have no place in the order. They are
  counted, and excuse nothing else.
- A message that was refused, and whose refusal was lost with the connection, is sent once more: the same.
- Dead letters are where they are in the order in which they were refused, which is not that of the device. One that
  the dead-letter topic did not take, or whose PUBACK was lost, and that is taken when it is sent again, comes late.
- How often a record may be there without the device's doing is known record by record. What is repeated with QoS 2
  within its session is there once, unless it was given up: then the repeat is a new message.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from adapter.verify.judge import Sighting, Story, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.kafka_cluster import Cluster
    from tests.simulation.kafka_log import Name, Stored


def sentence(cluster: Cluster, stories: list[Story], refused: set[Name]) -> tuple[Verdict, list[str]]:
    """The judge's verdict, and what is to be complained of. `refused`: what 5.0 devices were answered so."""
    occurred: Counter[Name] = Counter()
    placed: set[Name] = set()
    sightings: list[Sighting] = []
    in_turn: list[tuple[int, Sighting]] = []  # of a topic, whatever the partition: growth must not disturb the order
    for life, place, stored in _all(cluster):
        for name in stored.names:
            occurred[name] += 1
            if stored.late and name not in placed:
                cluster.seen["first seen when it landed late"] += 1
            else:
                placed.add(name)
                sightings.append(Sighting(life, place, *name))
                in_turn.append((stored.turn, Sighting(life, 0, *name)))

    without_a_place = refused | cluster.dead_letters

    def has_a_place(sighting: Sighting) -> bool:
        return sighting[2:] not in without_a_place

    in_turn.sort(key=lambda each: each[0])
    for story in stories:  # who was refused after a first try of unknown outcome was told the truth about the second
        tries = {number: story.transmissions[number] + cluster.repeats[story.name, number] for number in story.refused}
        story.refused = {number for number, count in tries.items() if count <= 1}
    forgiven = cluster.repeats + cluster.given_up
    repeats = forgiven.total()
    ordered = judge(stories, filter(has_a_place, sightings), repeats=repeats)
    across = judge(stories, filter(has_a_place, (each for _, each in in_turn)), repeats=repeats)
    verdict = replace(judge(stories, sightings, repeats=repeats), reordered=ordered.reordered)
    complaints = [] if verdict.good else [str(verdict)]
    if across.reordered:
        complaints.append(f"across the partitions of a topic: {across}")
    complaints += [
        f"{story.name} {number} was sent {times} times, and is there {occurred[story.name, number]} times"
        for story in stories
        for number, times in story.transmissions.items()
        if occurred[story.name, number] > times + forgiven[story.name, number]
    ]
    return verdict, complaints


def _all(cluster: Cluster) -> Iterator[tuple[str, int, Stored]]:
    """Everything that any life of a topic has, or had when it was deleted."""
    for topic in (*cluster.deleted, *cluster.topics.values()):
        for place, partition in enumerate(topic.partitions):
            for stored in partition.log:
                yield f"{topic.name}@{topic.life}", place, stored
