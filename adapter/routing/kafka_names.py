"""Which topic names Kafka accepts: a bad one is refused here, before a broker rejects a whole batch for it.

The rules are those of `org.apache.kafka.common.internals.Topic`.
"""

import re

MAX_LENGTH = 249
_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")

# Only brokers may write to these; a produce request would fail with INVALID_TOPIC_EXCEPTION.
_INTERNAL = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})


def illegal_character(name: str) -> str | None:
    """Return the first character of `name` that Kafka does not allow in a topic name."""
    found = _ILLEGAL.search(name)
    return found[0] if found else None


def topic_problem(name: str) -> str | None:
    """Return why this cannot be the name of a Kafka topic, to be read after the name; None if it can."""
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
