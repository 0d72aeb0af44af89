"""Faults of the network, between adapter and brokers, and between devices and adapter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.faults.broker_faults import IMPATIENT, TIMEOUTS_SECONDS
from tests.faults.stage import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from tests.faults.stage import Stage
    from tests.support.tcp_proxy import TcpProxy

SPOILT_SECONDS = 6.0
RESETS = 8
RESET_PAUSE = 0.5
DELAY = 0.15  # seconds, each way
RATE = 150_000.0  # bytes a second


async def cut(proxies: Iterable[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.cut()
    await asyncio.sleep(SPOILT_SECONDS)


async def half_open(proxies: Iterable[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.half_open()
    await asyncio.sleep(SPOILT_SECONDS)


async def blackhole(proxies: Iterable[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.blackhole()
    await asyncio.sleep(SPOILT_SECONDS)


async def delay(proxies: Iterable[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.delay = DELAY
    await asyncio.sleep(SPOILT_SECONDS)


async def throttle(proxies: Iterable[TcpProxy]) -> None:
    for proxy in proxies:
        proxy.rate = RATE
    await asyncio.sleep(SPOILT_SECONDS)


async def reset(proxies: Iterable[TcpProxy]) -> None:
    proxies = list(proxies)
    for _ in range(RESETS):
        for proxy in proxies:
            proxy.reset()
        await asyncio.sleep(RESET_PAUSE)


KINDS_OF_TROUBLE = (cut, half_open, delay, throttle, reset, blackhole)


def towards_brokers(spoil: Callable[[Iterable[TcpProxy]], Awaitable[None]]) -> Fault:
    async def play(stage: Stage) -> None:
        proxies = [node.proxy for node in stage.cluster.nodes]
        await spoil(proxies)
        for proxy in proxies:
            proxy.heal()
        await stage.healed()

    return Fault(f"brokers-{_named(spoil)}", play, reach="bootstrap")


async def one_broker_cut(stage: Stage) -> None:
    """The others see it, so its partitions stay where they are: only the adapter cannot reach it."""
    proxy = stage.cluster.nodes[0].proxy
    await cut([proxy])
    proxy.heal()
    await stage.healed()


async def long_blackhole(stage: Stage) -> None:
    """What the adapter has given up and sent again gets through at last, behind or before what it sent instead."""
    proxies = [node.proxy for node in stage.cluster.nodes]
    for proxy in proxies:
        proxy.blackhole()
    await asyncio.sleep(TIMEOUTS_SECONDS)
    for proxy in proxies:
        proxy.heal()
    await stage.healed()


def towards_devices(spoil: Callable[[Iterable[TcpProxy]], Awaitable[None]]) -> Fault:
    async def play(stage: Stage) -> None:
        assert stage.proxy is not None, "the fault says so"
        await spoil([stage.proxy])
        stage.proxy.heal()
        await stage.healed()

    return Fault(f"devices-{_named(spoil)}", play, spoils_devices=True)


def _named(spoil: Callable[..., object]) -> str:
    return spoil.__name__.replace("_", "-")


NETWORK_FAULTS = (
    *map(towards_brokers, KINDS_OF_TROUBLE),
    Fault("one-broker-cut", one_broker_cut, reach="bootstrap"),
    Fault("brokers-blackhole-long", long_blackhole, reach="bootstrap", variables=IMPATIENT),
    *map(towards_devices, KINDS_OF_TROUBLE),
)
