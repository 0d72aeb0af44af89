"""A real Kafka cluster of three nodes, each broker and controller, whose records survive the loss of any one.

Each broker has four listeners:
    INTERNAL    for the other brokers, for administration and for reading back; never disturbed
    CLIENT      for the adapter: what it advertises is the port of a `TcpProxy`, which a test may disturb
    SASL        the same, and SCRAM for a user with rights of its own; the other let everyone do everything
    NAMED       what it advertises is a host name, which a test may let go (`tests.support.host_names`)
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from tests.support.kafka_broker import KafkaBroker, free_port
from tests.support.kafka_dist import CURRENT
from tests.support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

NODES = 3
MIN_INSYNC = 2
WAIT_SECONDS = 90.0
SCRAM_ITERATIONS = 4096

# A broker that is gone is noticed after 3 s instead of 9 s, and a follower that lags after 4 s instead of 30 s: a
# test waits for that. Leaders go back to their preferred places on command only.
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=INTERNAL://127.0.0.1:{port},CLIENT://127.0.0.1:{client},SASL://127.0.0.1:{sasl},NAMED://127.0.0.1:{named},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=INTERNAL://127.0.0.1:{port},CLIENT://127.0.0.1:{proxy},SASL://127.0.0.1:{sasl_proxy},NAMED://{name}:{named}
listener.security.protocol.map=INTERNAL:PLAINTEXT,CLIENT:PLAINTEXT,SASL:SASL_PLAINTEXT,NAMED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
auto.leader.rebalance.enable=false
offsets.topic.replication.factor=3
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=3
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=2
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
replica.lag.time.max.ms=4000
log.segment.bytes=67108864
log.segment.delete.delay.ms=1000
num.io.threads=4
num.network.threads=2
background.threads=2
"""


class Node(KafkaBroker):
    """One of the cluster's; a proxy stands between the adapter and CLIENT, and SASL."""

    def __init__(self, number: int, heap: str, release: str) -> None:
        super().__init__(heap=heap)
        self.release = release
        self.number = number
        self.voters = ""
        self.client_port = free_port()
        self.sasl_port = free_port()
        self.named_port = free_port()
        self.name = f"kafka-{number}.test"
        self.proxy = TcpProxy(self.client_port)
        self.sasl_proxy = TcpProxy(self.sasl_port)
        self.paused = False

    @property
    def controller_port(self) -> int:
        """Where the other controllers reach it."""
        return self._controller

    @property
    def up(self) -> bool:
        """Whether it runs, and is not frozen."""
        return self._process is not None and self._process.poll() is None and not self.paused

    def _configuration(self) -> str:
        return PROPERTIES.format(
            node=self.number,
            voters=self.voters,
            port=self.port,
            client=self.client_port,
            proxy=self.proxy.port,
            sasl=self.sasl_port,
            named=self.named_port,
            name=self.name,
            sasl_proxy=self.sasl_proxy.port,
            controller=self._controller,
            data=self.data,
        )

    def pause(self) -> None:
        """Freeze it."""
        super().pause()
        self.paused = True

    def resume(self) -> None:
        """Let it go on."""
        super().resume()
        self.paused = False

    def close(self) -> None:
        """End it, and remove its data."""
        self.proxy.close()
        self.sasl_proxy.close()
        super().close()


class KafkaCluster:
    """Three nodes. Administration goes to those that are up; a node's number is its index in `nodes` plus 1."""

    def __init__(self, *, heap: str = "256m", release: str = CURRENT) -> None:
        self.release = release  # at first
        self.nodes = [Node(number, heap, release) for number in range(1, NODES + 1)]
        voters = ",".join(f"{node.number}@127.0.0.1:{node.controller_port}" for node in self.nodes)
        for node in self.nodes:
            node.voters = voters
        self.internal = ",".join(node.bootstrap for node in self.nodes)
        self.bootstrap = ",".join(f"127.0.0.1:{node.proxy.port}" for node in self.nodes)
        self.sasl = ",".join(f"127.0.0.1:{node.sasl_proxy.port}" for node in self.nodes)
        self.named = ",".join(f"{node.name}:{node.named_port}" for node in self.nodes)
        self.admin = AdminClient(
            {
                "bootstrap.servers": self.internal,
                "log_level": 0,
                "socket.timeout.ms": 3000,
                "reconnect.backoff.max.ms": 300,
            }
        )

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start all nodes, and wait until they are a cluster."""
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(Node.launch, self.nodes))
            list(pool.map(Node.wait_ready, self.nodes))
        self.until(lambda: len(self.admin.list_topics(timeout=5).brokers) == NODES)
        return self

    def heal(self) -> None:
        """Bring back what is down or frozen, and put no proxy in the way of anything."""
        for node in self.nodes:
            node.proxy.heal()
            if node.paused:
                node.resume()
            if not node.up:
                node.launch()
        for node in self.nodes:
            node.wait_ready()

    def close(self) -> None:
        """End all, and remove their data."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def until(condition: Callable[[], object], within: float = WAIT_SECONDS) -> None:
        """Return when the condition holds; what Kafka cannot answer now is asked again."""
        deadline = time.monotonic() + within
        while True:
            try:
                if condition():
                    return
            except KafkaException:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError("the cluster did not get there in time")
            time.sleep(0.05)

    # -- topics ------------------------------------------------------------------------------------------------------

    def create_topic(self, name: str, partitions: int = 4) -> str:
        """Make a topic whose leaders are spread, and return its name when every partition can be written to."""
        places = [[(first + step) % NODES + 1 for step in range(NODES)] for first in range(partitions)]
        topic = NewTopic(name, partitions, replica_assignment=places)
        self.until(lambda: not self.admin.create_topics([topic])[name].exception(30))
        self.until_writable(name, partitions)
        return name

    def delete_topic(self, name: str) -> None:
        """Remove a topic, and return when it is gone."""
        self.admin.delete_topics([name])[name].result(30)
        self.until(lambda: name not in self.admin.list_topics(timeout=2).topics)

    def add_partitions(self, name: str, partitions: int) -> None:
        """Let a topic have so many partitions in all."""
        self.admin.create_partitions([NewPartitions(name, partitions)])[name].result(30)
        self.until_writable(name, partitions)

    def set_min_insync(self, name: str, replicas: int) -> None:
        """Set `min.insync.replicas` of a topic."""
        entry = ConfigEntry("min.insync.replicas", str(replicas), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(30)

    def leader(self, name: str, partition: int = 0) -> Node:
        """The node that leads a partition."""
        return self.nodes[self.admin.list_topics(timeout=5).topics[name].partitions[partition].leader - 1]

    def controller(self) -> Node:
        """The node that is the active controller."""
        quorum = self.admin.describe_cluster().result(10)
        return self.nodes[quorum.controller.id - 1]

    def elect_preferred_leaders(self, name: str) -> None:
        """Bring every partition's leader back to the first of its replicas."""
        partitions = [
            TopicPartition(name, number) for number in self.admin.list_topics(timeout=5).topics[name].partitions
        ]
        self.admin.elect_leaders(ElectionType.PREFERRED, partitions).result(30)

    def in_sync(self, name: str, partitions: int, least: int) -> bool:
        """Whether each partition has a leader that is up, and `least` replicas in sync, all of them up."""
        topic = self.admin.list_topics(timeout=1).topics.get(name)
        if topic is None or topic.error or len(topic.partitions) != partitions:
            return False
        up = {node.number for node in self.nodes if node.up}
        return all(
            partition.leader in up and len(partition.isrs) >= least and set(partition.isrs) <= up
            for partition in topic.partitions.values()
        )

    def until_writable(self, name: str, partitions: int = 4) -> None:
        """Wait until every partition of a topic can take records with acks=all."""
        self.until(lambda: self.in_sync(name, partitions, MIN_INSYNC))

    def until_in_sync(self, name: str, partitions: int = 4) -> None:
        """Wait until every partition of a topic has all its replicas in sync."""
        self.until(lambda: self.in_sync(name, partitions, NODES))

    # -- rights ------------------------------------------------------------------------------------------------------

    def set_password(self, user: str, password: str) -> None:
        """Make a SCRAM user, or change the password."""
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, SCRAM_ITERATIONS)
        change = UserScramCredentialUpsertion(user, mechanism, password.encode())
        self.admin.alter_user_scram_credentials([change])[user].result(30)

    def remove_user(self, user: str) -> None:
        """Let a SCRAM user not log in any more."""
        change = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256)
        self.admin.alter_user_scram_credentials([change])[user].result(30)

    def allow_writing(self, user: str, topic: str) -> None:
        """Let a user write to a topic."""
        for future in self.admin.create_acls([_may_write(user, topic)]).values():
            future.result(30)

    def forbid_writing(self, user: str, topic: str) -> None:
        """Take that right back."""
        right = _may_write(user, topic)
        these = AclBindingFilter(
            right.restype, right.name, right.resource_pattern_type, right.principal, "*", right.operation,
            right.permission_type,
        )  # fmt: skip
        for future in self.admin.delete_acls([these]).values():
            future.result(30)


def _may_write(user: str, topic: str) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )  # fmt: skip
