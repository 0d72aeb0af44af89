"""Makes a failing history smaller for as long as it still fails in the same way: what is left is what matters."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from tests.simulation.plan import Config, Connection, Device, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

MOST_RUNS = 1500


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Greedy: the first smaller plan that fails is where to go on."""
    runs = 0
    going = True
    while going:
        going = False
        for smaller in _smaller(plan):
            runs += 1
            if runs > MOST_RUNS:
                return plan
            if fails(smaller):
                plan = smaller
                going = True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """The larger cuts first."""
    if plan.stop:
        yield replace(plan, stop="", stop_at=0.0)
    for at in range(len(plan.devices)):
        yield replace(plan, devices=_without(plan.devices, at))
    for at in range(len(plan.faults)):
        yield replace(plan, faults=_without(plan.faults, at))
    for at, device in enumerate(plan.devices):
        for other in _smaller_device(device):
            yield replace(plan, devices=(*plan.devices[:at], other, *plan.devices[at + 1 :]))
    default = Config()
    for part in fields(Config):
        usual = getattr(default, part.name)
        if getattr(plan.config, part.name) != usual:
            yield replace(plan, config=replace(plan.config, **{part.name: usual}))


def _smaller_device(device: Device) -> Iterator[Device]:
    messages = device.messages
    size = len(messages) // 2
    while size:
        for at in range(0, len(messages), size):
            yield replace(device, messages=messages[:at] + messages[at + size :])
        size //= 2
    for at, connection in enumerate(device.connections):
        yield replace(device, connections=_without(device.connections, at))
        for simpler in (replace(connection, chunks="whole", slow=False), replace(connection, end="none"), Connection()):
            if simpler != connection:
                yield replace(device, connections=(*device.connections[:at], simpler, *device.connections[at + 1 :]))
    for at, message in enumerate(messages):
        for plainer in (replace(message, pause=0.0), replace(message, size=0), replace(message, topic=0)):
            if plainer != message:
                yield replace(device, messages=(*messages[:at], plainer, *messages[at + 1 :]))


def _without(things: tuple[T, ...], at: int) -> tuple[T, ...]:
    return things[:at] + things[at + 1 :]
