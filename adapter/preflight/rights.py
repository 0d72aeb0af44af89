"""Whether we may write, as the brokers say. It is not tried: a producer id is a record in the metadata, too."""

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
OF_KAFKA_2_8 = 10  # the first version of Metadata that older brokers do not take


class Idempotence(Enum):
    """What it takes to write so."""

    NOT_USED = auto()
    WITH_WRITE = auto()  # since Kafka 2.8, KIP-679
    BY_A_RIGHT = auto()  # of its own, on the cluster


def rule_of_idempotence(brokers: Iterable[Reach]) -> Idempotence:
    """The oldest of the brokers that answer decides."""
    newest = (broker.versions.get(METADATA, (0, 0))[1] for broker in brokers if broker.failed is None)
    old = any(version < OF_KAFKA_2_8 for version in newest)
    return Idempotence.BY_A_RIGHT if old else Idempotence.WITH_WRITE


def check_rights(topic: TopicFacts, cluster: frozenset[str] | None, idempotence: Idempotence) -> Finding:
    """What may be done with the topic, and with the `cluster`; None is what is not told."""
    allowed = topic.operations
    if allowed is None:
        fix = f"ask whoever gives rights for {WRITE} on it"
        return unknown(CHECK, topic.name, "what may be done with it is not told", fix)
    if WRITE not in allowed:
        return failed(CHECK, topic.name, "may not be written to", f"allow {WRITE} on it")
    if idempotence is Idempotence.BY_A_RIGHT and IDEMPOTENT_WRITE not in (cluster or ()):
        fix = f"allow {IDEMPOTENT_WRITE} on the cluster"
        return failed(CHECK, topic.name, f"{WRITE} is allowed, but not with idempotence", fix)
    with_idempotence = "" if idempotence is Idempotence.NOT_USED else ", with idempotence"
    return ok(CHECK, topic.name, f"{WRITE} is allowed{with_idempotence}, as the brokers say")
