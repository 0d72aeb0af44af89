"""Faults of brokers and topics: killed, frozen, restarted, moved, grown, made again, full."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.faults.device import Kind
from tests.faults.stage import Fault
from tests.support.host_names import HostNames
from tests.support.kafka_dist import BEFORE, CURRENT
from tests.support.records import read_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.stage import Stage
    from tests.support.kafka_cluster import Node

FREEZE_SECONDS = 6.0
LONG_OUTAGE_SECONDS = 60.0
TEN_MINUTES = 10  # times that
GROWTH_MB = 20.0  # is noise
IMPATIENT = {"KAFKA__REQUEST_TIMEOUT_MS": "3000"}
TIMEOUTS_SECONDS = 20.0  # several of these: requests, then the producer itself, are given up meanwhile
QUICK_LOOKS = {"KAFKA__TOPIC_REFRESH_INTERVAL": "1"}
SPARE_BYTES = 96 * 2**20  # on the small disk, besides what the broker has already
BLOCK = 512  # bytes
FILL_CHUNK = b"\0" * 2**20


async def leader_killed(stage: Stage) -> None:
    victim = await stage.aside(stage.cluster.leader, stage.topic)
    await killed(stage, victim)


async def controller_killed(stage: Stage) -> None:
    victim = await stage.aside(stage.cluster.controller)
    await killed(stage, victim)


async def killed(stage: Stage, victim: Node) -> None:
    await stage.aside(victim.kill)
    await stage.writable()
    await stage.healed()
    await stage.aside(victim.start)
    await stage.in_sync()


async def leader_frozen(stage: Stage) -> None:
    victim = await stage.aside(stage.cluster.leader, stage.topic)
    victim.pause()
    await stage.writable()
    await stage.healed()
    await asyncio.sleep(FREEZE_SECONDS)
    victim.resume()
    await stage.in_sync()


async def all_frozen(stage: Stage, seconds: float = FREEZE_SECONDS) -> None:
    for node in stage.cluster.nodes:
        node.pause()
    await asyncio.sleep(seconds)
    for node in stage.cluster.nodes:
        node.resume()
    await stage.writable()
    await stage.healed()
    await stage.in_sync()


async def all_frozen_long(stage: Stage) -> None:
    """What the adapter has given up and sent again is still in the brokers' sockets, and is written when they go on."""
    await all_frozen(stage, TIMEOUTS_SECONDS)


async def all_killed(stage: Stage) -> None:
    """They are gone for a minute, and every device stays."""
    nodes = stage.cluster.nodes
    await asyncio.gather(*(stage.aside(node.kill) for node in nodes))
    await asyncio.sleep(LONG_OUTAGE_SECONDS)
    for node in nodes:
        node.launch()
    await asyncio.gather(*(stage.aside(node.wait_ready) for node in nodes))
    await stage.writable()
    await stage.healed()
    thrown_out = sum(device.thrown_out for device in stage.fleet.devices)
    if thrown_out:
        stage.row.broken.append(f"{thrown_out} connections did not outlive the outage")
    await stage.in_sync()


async def all_frozen_for_ten_minutes(stage: Stage) -> None:
    """At full load: what does not fit is not read, and what waits too long is given up, over and over.

    Frozen, for brokers that were started again write slower than before for some minutes, whoever feeds them.
    """
    stage.full_speed()
    for node in stage.cluster.nodes:
        node.pause()
    await asyncio.sleep(LONG_OUTAGE_SECONDS)
    settled = stage.rss
    for _ in range(TEN_MINUTES - 1):
        await asyncio.sleep(LONG_OUTAGE_SECONDS)
    if stage.rss > settled + GROWTH_MB:
        stage.row.broken.append(f"grew from {settled:.0f} to {stage.rss:.0f} MB in the outage")
    for node in stage.cluster.nodes:
        node.resume()
    await stage.writable()
    await stage.healed()
    await stage.in_sync()


async def names_gone(stage: Stage) -> None:
    """All brokers restart while their host names cannot be resolved."""
    nodes = stage.cluster.nodes
    with HostNames(node.name for node in nodes) as names:
        await stage.replace_adapter({"KAFKA__BOOTSTRAP_SERVERS": stage.cluster.named}, prefix=names.command)
        await stage.writable()
        names.go()
        for node in nodes:
            await stage.aside(node.stop)
            await stage.aside(node.start)
        await stage.in_sync()
        await asyncio.sleep(FREEZE_SECONDS)
        names.come()
        await stage.healed()


async def rolling_restart(stage: Stage) -> None:
    for node in stage.cluster.nodes:
        await stage.aside(node.stop)
        node.release = CURRENT
        await stage.writable()
        await stage.aside(node.start)
        await stage.in_sync()
    await stage.healed()


async def rolling_upgrade(stage: Stage) -> None:
    """From Kafka 3.9 to 4.1, one broker after the other."""
    await rolling_restart(stage)


async def leaders_elected(stage: Stage) -> None:
    """Leaders go away from a node that restarts, and back by command, while records flow."""
    for node in stage.cluster.nodes[:2]:
        await stage.aside(node.stop)
        await stage.aside(node.start)
        await stage.in_sync()
        await stage.aside(stage.cluster.elect_preferred_leaders, stage.topic)
        await stage.healed()


async def topic_made_again(stage: Stage) -> None:
    await stage.aside(stage.cluster.delete_topic, stage.topic)
    stage.excuse_acknowledged()
    await asyncio.sleep(3)
    await stage.aside(stage.cluster.create_topic, stage.topic, stage.partitions)
    await stage.writable()
    await stage.healed()


async def partitions_grow(stage: Stage) -> None:
    stage.partitions *= 2
    await stage.aside(stage.cluster.add_partitions, stage.topic, stage.partitions)
    await stage.healed()
    await asyncio.sleep(3)  # the adapter looks at its topics every second here
    used = {record.partition for record in await stage.aside(read_all, stage.cluster.internal, stage.topic)}
    if len(used) != stage.partitions:
        stage.row.broken.append(f"only {len(used)} of {stage.partitions} partitions are used")


async def too_few_in_sync(stage: Stage) -> None:
    """min.insync.replicas is not met for a while, though every partition has a leader."""
    await stage.aside(stage.cluster.set_min_insync, stage.topic, 3)
    victim = stage.cluster.nodes[2]
    await stage.aside(victim.kill)
    await asyncio.sleep(FREEZE_SECONDS)
    await stage.aside(victim.start)
    await stage.in_sync()
    await stage.healed()
    await stage.aside(stage.cluster.set_min_insync, stage.topic, 2)


async def disk_full(stage: Stage) -> None:
    """The disk of one broker is full: Kafka ends such a broker. Its data is on a small tmpfs for as long."""
    victim = stage.cluster.nodes[2]
    await stage.aside(victim.stop)
    try:
        await stage.aside(_move_to_small_disk, victim.data)
        await stage.aside(victim.start)
        await stage.in_sync()
        await stage.aside(stage.cluster.elect_preferred_leaders, stage.topic)
        await stage.aside(_fill, victim.data)
        await stage.aside(stage.cluster.until, lambda: not victim.up)
        await stage.writable()
        await stage.healed()
    finally:
        await stage.aside(victim.kill)
        await stage.aside(_move_back, victim.data)
    await stage.aside(victim.start)
    await stage.in_sync()


def _move_to_small_disk(data: Path) -> None:
    aside = data.with_name("aside")
    data.rename(aside)
    data.mkdir()
    used = sum(file.stat().st_blocks * BLOCK for file in aside.rglob("*") if file.is_file())
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + SPARE_BYTES}", "tmpfs", str(data)], check=True)
    subprocess.run(["cp", "-a", "--sparse=always", f"{aside}/.", str(data)], check=True)


def _fill(data: Path) -> None:
    with (data / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(FILL_CHUNK)
        except OSError:
            return


def _move_back(data: Path) -> None:
    """What the broker had before; what it has missed it gets from the others."""
    subprocess.run(["umount", "-l", str(data)], check=False)
    shutil.rmtree(data)
    data.with_name("aside").rename(data)


QUIET = (Kind(4, window=5), Kind(5, window=5), Kind(4, window=1), Kind(5, qos=(0, 1), window=5))

BROKER_FAULTS = (
    Fault("leader-killed", leader_killed),
    Fault("leader-frozen", leader_frozen),
    Fault("all-frozen", all_frozen),
    Fault("all-frozen-long", all_frozen_long, variables=IMPATIENT),
    Fault("rolling-restart", rolling_restart),
    Fault("rolling-upgrade", rolling_upgrade, release=BEFORE),
    Fault("leaders-elected", leaders_elected),
    Fault("controller-killed", controller_killed),
    Fault("topic-made-again", topic_made_again, variables=QUICK_LOOKS, may_close=True),
    Fault("partitions-grow", partitions_grow, variables=QUICK_LOOKS),
    Fault("too-few-in-sync", too_few_in_sync),
    Fault("all-killed-60s", all_killed, devices=1000, kinds=QUIET),
    Fault("all-frozen-10min", all_frozen_for_ten_minutes, may_close=True, overfills=True),
    Fault("names-gone", names_gone, needs_root=True),
    Fault("disk-full", disk_full, needs_root=True),
)
