"""Maps a key to a partition by the rule of Kafka's Java client, so that all producers agree.

`BuiltInPartitioner.partitionForKey` of org.apache.kafka:kafka-clients is `toPositive(murmur2(key)) % partitions`; the
vectors in tests/unit/kafka/vectors were made with that class.
"""

from __future__ import annotations

import secrets

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


def partition_for(key: bytes | None, count: int) -> int:
    """Return the partition of a key among `count`. Without a key there is no order to keep, so it is random."""
    if key is None:
        return secrets.randbelow(count)
    return int(murmur2(key) & _POSITIVE) % count
