"""Which names Kafka accepts for a topic, so that a bad one is refused here and not by a broker for a whole batch.

The rules are those of `org.apache.kafka.common.internals.Topic`.
"""

import re

MAX_LENGTH = 249
_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")

# Brokers let nobody but themselves write to these; asking would fail with INVALID_TOPIC_EXCEPTION.
_INTERNAL = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})


def illegal_character(name: str) -> str | None:
    """Find the first character of `name` that no Kafka topic can have."""
    found = _ILLEGAL.search(name)
    return found[0] if found else None


def topic_problem(name: str) -> str | None:
    """Say why Kafka has no topic of this name, as the end of a sentence that begins with it; None if it may have."""
    if not name:
        return "is empty"
    if name in {".", ".."}:
        return "is not a topic name"
    if len(name) > MAX_LENGTH:
        return f"has {len(name)} characters, Kafka allows {MAX_LENGTH}"
    if (character := illegal_character(name)) is not None:
        return f"has the character {character!a}, Kafka allows a-z A-Z 0-9 . _ -"
    if name in _INTERNAL:
        return "is one of Kafka's internal topics"
    return None
