"""What every client does. A scenario has a tenant, so a Kafka topic, of its own.

It returns what Kafka must have afterwards, by seat and device, or what went wrong.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.clients.program import Message, Program, ProgramError
from tests.clients.stage import PASSWORD, USERS_TENANT, Seat, Stage
from tests.support.until import until

SERIES = 30
BEFORE, PENDING = 5, 10  # messages of a reconnect: acknowledged before the cut, and not
AT_ONCE = 4  # programs; two cores do no more
LARGE = 200_000  # bytes
WILL = b"gone"

Expected = dict[str, list[bytes]]
Outcomes = dict[Seat, Expected | ProgramError]
Single = Callable[[Stage, "Scenario", Seat], Awaitable[Expected]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`scheme`: the listener that it needs. `repeats`: messages may be in Kafka again, after their first coming."""

    name: str
    play: Callable[[Stage, Scenario, Sequence[Seat]], Awaitable[Outcomes]]
    scheme: str = "mqtt"
    repeats: bool = False

    @property
    def tenant(self) -> str:
        return "".join(letter for letter in self.name.lower() if letter.isalnum())

    def topic(self, device: str) -> str:
        """Where a device publishes."""
        return f"telemetry/{self.tenant}/{device}"


def must_be_acknowledged(program: Program, messages: Sequence[Message]) -> None:
    """Raise ProgramError unless each message of QoS 1 and 2 has its acknowledgement, once."""
    expected = [place for place, message in enumerate(messages) if message.qos]
    if sorted(program.acked) != expected:
        raise ProgramError(f"acknowledged were {sorted(program.acked)}")


async def publish(stage: Stage, scenario: Scenario, seat: Seat, messages: Sequence[Message], **words: str) -> Expected:
    """Publish all, and leave."""
    async with stage.program(seat, scenario.scheme, **words) as program:
        await program.send(messages)
        await program.finish()
    must_be_acknowledged(program, messages)
    return {seat.device: [message.payload for message in messages]}


def each(single: Single) -> Callable[[Stage, Scenario, Sequence[Seat]], Awaitable[Outcomes]]:
    """Seat by seat, a few at a time."""

    async def play(stage: Stage, scenario: Scenario, seats: Sequence[Seat]) -> Outcomes:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(seat: Seat) -> Expected | ProgramError:
            async with turns:
                try:
                    return await single(stage, scenario, seat)
                except ProgramError as error:
                    return error

        return dict(zip(seats, await asyncio.gather(*map(one, seats)), strict=True))

    return play


def series(*qos: int) -> Single:
    """Messages whose QoS are taken in turn."""

    async def play(stage: Stage, scenario: Scenario, seat: Seat) -> Expected:
        topic = scenario.topic(seat.device)
        messages = [Message(topic, b"message %d" % number, qos[number % len(qos)]) for number in range(SERIES)]
        return await publish(stage, scenario, seat, messages)

    return play


async def connect(stage: Stage, scenario: Scenario, seat: Seat) -> Expected:
    """With user name and password, which say whose message it is."""
    assert scenario.tenant == USERS_TENANT
    user = f"{seat.device}@{USERS_TENANT}"
    return await publish(stage, scenario, seat, [Message("telemetry", b"hello")], user=user, password=PASSWORD)


async def large(stage: Stage, scenario: Scenario, seat: Seat) -> Expected:
    """Payloads of 200 KB; they are text, because one of the clients takes lines."""
    digits = random.Random(seat.device).randbytes(LARGE // 2).hex().encode()  # noqa: S311 - no secret
    messages = [Message(scenario.topic(seat.device), b"%d%s" % (number, digits[1:])) for number in range(3)]
    return await publish(stage, scenario, seat, messages)


async def empty(stage: Stage, scenario: Scenario, seat: Seat) -> Expected:
    """Not a byte; such a message needs a content type, which stands in its topic."""
    topic = f"{scenario.topic(seat.device)}/?content-type=text%2Fplain"
    return await publish(stage, scenario, seat, [Message(topic, b"")])


async def will(stage: Stage, scenario: Scenario, seat: Seat) -> Expected:
    """A device that dies leaves its Will behind everything it published; one that says goodbye leaves none."""
    expected: Expected = {}
    for device, dies in ((seat.device, True), (f"{seat.device}-leaves", False)):
        topic = scenario.topic(device)
        messages = [Message(topic, b"message %d" % number) for number in range(BEFORE)]
        async with stage.program(seat, client_id=device, will=topic) as program:
            await program.send(messages)
            await program.until_acked(BEFORE)
            await (program.kill() if dies else program.finish())
        expected[device] = [*(message.payload for message in messages), *([WILL] if dies else [])]
    return expected


async def reconnect(stage: Stage, scenario: Scenario, seats: Sequence[Seat]) -> Outcomes:
    """Kafka stands still, so that all have QoS 1 messages without PUBACK; their sockets are cut; Kafka goes on."""
    outcomes: Outcomes = {}

    async def all_of(step: Callable[[Seat, Program], Awaitable[None]]) -> None:
        async def one(seat: Seat) -> None:
            try:
                await step(seat, programs[seat])
            except ProgramError as error:
                outcomes[seat] = error

        await asyncio.gather(*(one(seat) for seat in seats if seat not in outcomes))

    def messages(seat: Seat) -> list[Message]:
        return [Message(scenario.topic(seat.device), b"message %d" % number) for number in range(BEFORE + PENDING)]

    async def begin(seat: Seat, program: Program) -> None:
        await program.send(messages(seat)[:BEFORE])
        await program.until_acked(BEFORE)

    async def leave(seat: Seat, program: Program) -> None:
        await program.finish()
        must_be_acknowledged(program, messages(seat))
        outcomes[seat] = {seat.device: [message.payload for message in messages(seat)]}

    url = f"mqtt://127.0.0.1:{stage.network.port}"
    async with AsyncExitStack() as stack:
        programs = {seat: await stack.enter_async_context(stage.program(seat, url=url, keep="1")) for seat in seats}
        await all_of(begin)
        stage.kafka.pause()
        try:
            await all_of(lambda seat, program: program.send(messages(seat)[BEFORE:]))
            pending = PENDING * (len(seats) - len(outcomes))
            await until(lambda: stage.adapter.metric("adapter_messages_pending", qos="1") >= pending)
            stage.network.reset()
            await all_of(lambda _, program: program.until_connected(2))
        finally:
            stage.kafka.resume()
        await all_of(leave)
    return outcomes


SCENARIOS = (
    Scenario("connect", each(connect)),
    Scenario("QoS 0", each(series(0))),
    Scenario("QoS 1", each(series(1))),
    Scenario("QoS 2", each(series(2))),
    Scenario("QoS 0, 1, 2 mixed", each(series(0, 1, 2, 1))),
    Scenario("large", each(large)),
    Scenario("empty", each(empty)),
    Scenario("TLS", each(series(1)), scheme="mqtts"),
    Scenario("WebSocket", each(series(0, 1, 2)), scheme="ws"),
    Scenario("secure WebSocket", each(series(0, 1, 2)), scheme="wss"),
    Scenario("Will", each(will)),
    Scenario("reconnect", reconnect, repeats=True),
)
