"""Kafka: the producer, the topics, `tail`, the embedded broker. The only one to import aiokafka or confluent_kafka.

aiokafka writes keys and values of records at DEBUG. Whatever level the rest of the process logs at, its loggers (all
below this one) stay at WARNING: nobody who uses this package can forget to see to it.
"""

import logging

logging.getLogger("aiokafka").setLevel(logging.WARNING)
