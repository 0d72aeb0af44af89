"""What goes wrong with Kafka: each fault begins, and ends after its span. `HEALED` seconds later all is as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiokafka import errors

from tests.simulation.kafka_log import NO_LEADER, Partition
from tests.simulation.plan import BROKERS, DEAD_LETTERS, EVENT, TELEMETRY

if TYPE_CHECKING:
    from tests.simulation.kafka_cluster import Cluster
    from tests.simulation.plan import Fault

ELECTION = 0.3  # seconds until a broker's partitions have another leader
NAMES = (TELEMETRY, EVENT, DEAD_LETTERS)
End = Callable[[], None]


def begin(cluster: Cluster, fault: Fault) -> None:
    """Let it happen, and plan its end."""
    cluster.seen[f"fault: {fault.kind}"] += 1
    end = _KINDS[fault.kind](cluster, fault)
    if end is not None:
        cluster.later(fault.span, end)


def _broker_down(cluster: Cluster, fault: Fault) -> End:
    broker = cluster.brokers[fault.place]
    broker.down += 1
    cluster.later(ELECTION, cluster.elect)

    def end() -> None:
        broker.down -= 1
        cluster.elect()

    return end


def _broker_stalled(cluster: Cluster, fault: Fault) -> End:
    broker = cluster.brokers[fault.place]
    broker.stalled += 1
    if fault.amount > 1:  # long enough for the others to notice
        cluster.later(ELECTION * 3, _move_from, cluster, fault.place)

    def end() -> None:
        broker.stalled -= 1
        if not broker.stalled:
            cluster.resume(broker)

    return end


def _move_from(cluster: Cluster, broker: int) -> None:
    if cluster.brokers[broker].stalled:
        others = [number for number in range(BROKERS) if number != broker and not cluster.brokers[number].down]
        for partition in cluster.partitions():
            if partition.leader == broker and others:
                partition.lead(cluster.rng.choice(others), cluster.rng)


def _all_away(cluster: Cluster, fault: Fault) -> End:
    for broker in cluster.brokers:
        if fault.amount == 1:
            broker.stalled += 1
        else:
            broker.down += 1

    def end() -> None:
        for broker in cluster.brokers:
            if fault.amount == 1:
                broker.stalled -= 1
                if not broker.stalled:
                    cluster.resume(broker)
            else:
                broker.down -= 1
        cluster.elect()

    return end


def _partition(cluster: Cluster, fault: Fault) -> Partition:
    all_of_them = list(cluster.partitions())
    return all_of_them[fault.place % len(all_of_them)] if all_of_them else Partition(NO_LEADER, lambda _: None)


def _no_leader(cluster: Cluster, fault: Fault) -> End:
    partition = _partition(cluster, fault)
    partition.leaderless += 1
    partition.lead(NO_LEADER, cluster.rng)

    def end() -> None:
        partition.leaderless -= 1
        cluster.elect()

    return end


def _leader_moves(cluster: Cluster, fault: Fault) -> None:
    partition = _partition(cluster, fault)
    up = [number for number, broker in enumerate(cluster.brokers) if not broker.down and number != partition.leader]
    if up and partition.leader != NO_LEADER:
        partition.lead(cluster.rng.choice(up), cluster.rng)


def _lacks_replicas(cluster: Cluster, fault: Fault) -> End:
    partition = _partition(cluster, fault)
    partition.lacks_replicas += 1

    def end() -> None:
        partition.lacks_replicas -= 1
        if not partition.lacks_replicas:
            partition.commit(len(partition.log))

    return end


def _counted(name: str) -> Callable[[Cluster, Fault], End]:
    def start(cluster: Cluster, _: Fault) -> End:
        setattr(cluster, name, getattr(cluster, name) + 1)

        def end() -> None:
            setattr(cluster, name, getattr(cluster, name) - 1)

        return end

    return start


def _denied_topic(cluster: Cluster, fault: Fault) -> End | None:
    topic = cluster.topics.get(NAMES[fault.place])
    if topic is None:
        return None
    topic.denied += 1

    def end() -> None:
        topic.denied -= 1

    return end


def _smaller_batches(cluster: Cluster, fault: Fault) -> End | None:
    topic = cluster.topics.get(NAMES[fault.place])
    if topic is None:
        return None
    topic.largest_batch = 450 * fault.amount

    def end() -> None:
        topic.largest_batch = 1_000_000

    return end


def _fenced(cluster: Cluster, _: Fault) -> None:
    cluster.fenced = cluster.producers


def _forgotten(cluster: Cluster, _: Fault) -> None:
    for partition in cluster.partitions():
        partition.forgotten.update(range(1, cluster.producers + 1))


def _mistaken(cluster: Cluster, fault: Fault) -> None:
    _partition(cluster, fault).mistaken.update(range(1, cluster.producers + 1))


def _sender_dies(cluster: Cluster, _: Fault) -> None:
    for client in cluster.clients:
        client.later(0.0, client.fail_all, errors.KafkaError("Unexpected error during batch delivery"))


def _grow(cluster: Cluster, fault: Fault) -> None:
    topic = cluster.topics.get(NAMES[fault.place])
    if topic is not None:
        cluster.grow(topic, fault.amount)
        cluster.elect()


def _deleted(cluster: Cluster, fault: Fault) -> End | None:
    name = NAMES[fault.place]
    topic = cluster.topics.get(name)
    if topic is None:
        return None
    cluster.delete(name)

    def end() -> None:
        if name not in cluster.topics:
            cluster.create(name, fault.amount)
            cluster.elect()

    return end


_KINDS: dict[str, Callable[[Cluster, Fault], End | None]] = {
    "broker down": _broker_down,
    "broker stalled": _broker_stalled,
    "all brokers away": _all_away,
    "no leader": _no_leader,
    "leader moves": _leader_moves,
    "too few in-sync replicas": _lacks_replicas,
    "answers lost": _counted("answers_lost"),
    "slow": _counted("slow"),
    "connections refused": _counted("refuses_connections"),
    "not authorised for a topic": _denied_topic,
    "not authorised for the cluster": _counted("denied"),
    "producers fenced": _fenced,
    "producers forgotten": _forgotten,
    "sequence out of order": _mistaken,
    "sender dies": _sender_dies,
    "smaller batches allowed": _smaller_batches,
    "partitions added": _grow,
    "topic deleted": _deleted,
}
