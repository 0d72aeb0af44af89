"""Kafka: the producer, the topics, `tail` and the embedded broker. The only package that imports aiokafka or confluent_kafka.

aiokafka writes keys and values of records at DEBUG. Whatever level the rest of the process logs at, its loggers (all
below this one) stay at WARNING: `importing this package` is the one place that no entry point can forget.
"""

import logging

logging.getLogger("aiokafka").setLevel(logging.WARNING)
