"""Kafka: the producer, the topics, `tail`, the embedded broker. Only this package imports aiokafka or confluent_kafka.

aiokafka logs keys and values of records at DEBUG. Importing this package sets the parent of its loggers to WARNING,
whatever level the rest of the process logs at, so no caller can forget it.
"""

import logging

_AIOKAFKA = logging.getLogger("aiokafka")
_AIOKAFKA.setLevel(logging.WARNING)


def keep_aiokafka_off_stderr() -> None:
    """Discard aiokafka's log lines where logging is not configured: commands report its errors in their own words."""
    _AIOKAFKA.addHandler(logging.NullHandler())
