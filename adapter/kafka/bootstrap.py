"""Chooses the broker that a new producer starts with: the first one that answers.

aiokafka tries its bootstrap servers one after another. A silent one (frozen, or behind a firewall) uses up the whole
time limit of every attempt. So this module tries all of them at once, and gives aiokafka the one that answers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka.conn import collect_hosts

from adapter.errors import TransientKafkaError
from adapter.kafka.diagnosis import most_telling, try_broker

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adapter.kafka.options import KafkaOptions


async def find_server(options: KafkaOptions, known: Iterable[tuple[str, int]], limit: float) -> str:
    """Return the address of a bootstrap server or `known` broker that answers within `limit` seconds.

    Raises TransientKafkaError if none does, ConfigurationError if a certificate cannot be used.
    """
    connection = options.connection()
    servers = connection.pop("bootstrap_servers")
    addresses = dict.fromkeys([(host, port) for host, port, _ in collect_hosts(servers)] + list(known))
    tries = {asyncio.create_task(try_broker(host, port, connection, limit)): (host, port) for host, port in addresses}
    failures: dict[tuple[str, int], Exception] = {}
    waiting = set(tries)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                failure = one.result()
                if failure is None:
                    host, port = tries[one]
                    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                failures[tries[one]] = failure
    finally:
        for one in waiting:
            one.cancel()
        if waiting:
            await asyncio.wait(waiting)
    raise TransientKafkaError(most_telling(failures, connection, limit))
