"""Checks whether brokers say that the adapter may write. Trying it would write a producer id to the metadata."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from adapter.preflight.finding import failed, ok, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.kafka.inspection import TopicFacts
    from adapter.kafka.reach import Reach
    from adapter.preflight.finding import Finding

CHECK = "rights"
WRITE = "Write"
IDEMPOTENT_WRITE = "IdempotentWrite"

METADATA = 3
OF_KAFKA_2_8 = 10  # the version of Metadata that Kafka 2.8 introduced


class Idempotence(Enum):
    """The right that idempotent writing needs."""

    NOT_USED = auto()
    WITH_WRITE = auto()  # Write on the topic is enough: since Kafka 2.8, KIP-679
    BY_A_RIGHT = auto()  # IdempotentWrite on the cluster


def rule_of_idempotence(brokers: Iterable[Reach]) -> Idempotence:
    """Return the rule of the oldest broker that answers."""
    newest = (broker.versions.get(METADATA, (0, 0))[1] for broker in brokers if broker.failed is None)
    old = any(version < OF_KAFKA_2_8 for version in newest)
    return Idempotence.BY_A_RIGHT if old else Idempotence.WITH_WRITE


def check_rights(topic: TopicFacts, cluster: frozenset[str] | None, idempotence: Idempotence) -> Finding:
    """Check the allowed operations on the topic and the `cluster`; None means that the broker did not report them."""
    allowed = topic.operations
    if allowed is None:
        fix = f"ask the cluster's administrator for {WRITE} on it"
        return unknown(CHECK, topic.name, "the broker does not report the allowed operations", fix)
    if WRITE not in allowed:
        return failed(CHECK, topic.name, f"{WRITE} is not allowed", f"allow {WRITE} on it")
    if idempotence is Idempotence.BY_A_RIGHT and IDEMPOTENT_WRITE not in (cluster or ()):
        fix = f"allow {IDEMPOTENT_WRITE} on the cluster"
        return failed(CHECK, topic.name, f"{WRITE} is allowed, but not with idempotence", fix)
    with_idempotence = "" if idempotence is Idempotence.NOT_USED else ", with idempotence"
    return ok(CHECK, topic.name, f"{WRITE} is allowed{with_idempotence}, according to the brokers")
