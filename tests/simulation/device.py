"""The model of a device: it publishes its messages in order, and sends again, in order and first, what has no answer.

It keeps to MQTT, unless its plan says otherwise. What it is told it writes into a `Story`, and nothing else of what it
knows reaches the judge.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from adapter.verify.judge import Story
from tests.simulation.network import Link
from tests.simulation.payload import payload
from tests.simulation.plan import TOPICS, Connection
from tests.support import packets

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation import plan
    from tests.simulation.process import Process

MQTT_5 = 5
CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, PINGRESP, DISCONNECT = 2, 4, 5, 6, 7, 13, 14
QOS_2 = 2
SESSION_EXPIRY = b"\x11\0\0\x01\0"  # 5.0: seconds, longer than any history
REFUSED = 0x80
MALFORMED = b"\x30\xff\xff\xff\xff"  # a remaining length of five bytes
PATIENCE = 3  # how often a message that may be refused for good is sent: 3.1.1 only knows the closed connection
IMPATIENCE = 5.0  # seconds without a CONNACK
REPEAT = (0.0, 1.0)  # seconds without an answer to a QoS 2 message, after which some devices send it again
RETURN = (0.05, 0.5)  # seconds until it comes back


class Device:
    """`story` is for the judge. `unfinished` says what it still waits for, for people."""

    def __init__(  # noqa: PLR0913, PLR0917 - it meets all of these
        self,
        told: plan.Device,
        seed: int,
        process: Callable[[], Process | None],
        wrote: Callable[[Device, bytes], None],
        limit: int,
        note: Callable[[str], None],
    ) -> None:
        self.plan = told
        self.story = Story(told.name)
        self._seed = seed
        self._rng = random.Random(f"{seed}/{told.name}")
        self._process = process
        self._wrote = wrote
        self._note = note
        self._window = min(told.window, limit) if told.level == MQTT_5 else told.window
        self._next = 0  # index of the next message that was never sent
        self._waiting: dict[int, plan.Message] = {}  # QoS 1 and 2, sent, without an answer that counts
        self._releasing: dict[int, None] = {}  # QoS 2, from PUBREC to PUBCOMP
        self._known: set[int] = set()  # QoS 2, what the session has had
        self._ids: dict[int, int] = {}  # packet identifiers in use → numbers
        self._attempts: dict[int, int] = {}
        self._connections = 0
        self._link: Link | None = None
        self._accepted = False
        self._lost = False
        self._halved = False  # a packet was sent by half, or a malformed one: nothing may follow it
        self._unread = b""
        self._heard = asyncio.Event()
        self._in_flight: set[int] = set()  # on this connection
        self._moods = random.Random(f"{seed}/{told.name}/again")
        self._due = 0.0
        self._due_for = -1

    @property
    def unfinished(self) -> str:
        return f"{self.plan.name}: {len(self._waiting) + len(self._releasing)} without answer, next is {self._next}"

    def number(self, packet_id: int) -> int:
        """Which message an answer is for; 0: none."""
        return self._ids.get(packet_id, 0)

    # -- its life ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until every message was sent, and those with QoS 1 and 2 have their answers."""
        await asyncio.sleep(self.plan.start)
        while not self._finished:
            process = self._process()
            if process is None:
                await asyncio.sleep(self._rng.uniform(*RETURN))
                continue
            told = self.plan.connections
            how = told[self._connections] if self._connections < len(told) else Connection()
            self._connections += 1
            self._connect(process, how)
            await self._talk(how)
            await asyncio.sleep(self._rng.uniform(*RETURN) * (how.end != "takeover"))
        if self._link is not None and not self._lost:
            self._link.send(packets.DISCONNECT)
            self._link.finish()

    @property
    def _finished(self) -> bool:
        return self._next == len(self.plan.messages) and not self._waiting and not self._releasing

    def _connect(self, process: Process, how: Connection) -> None:
        chance = f"{self._seed}/{self.plan.name}/{self._connections}"
        self._accepted = self._lost = False
        self._halved = how.end == "malformed" and not how.after
        self._unread = b""
        self._in_flight = set()
        self.story.connected()
        self._note(f"{self.plan.name} connects, {how}")
        number = self._connections
        link = self._link = Link(
            process,
            process.loop,
            chance,
            how.chunks,
            lambda data: self._read(number, data),
            lambda data: self._adapter_wrote(number, data),
            lambda: self._ended(number),
        )
        process.links.append(link)
        link.listen(slowly=how.slow)
        level, clean, name = self.plan.level, self.plan.clean, self.plan.name
        properties = b"" if clean else SESSION_EXPIRY
        data = packets.connect(name, level=level, clean=clean, username=name, keep_alive=0, properties=properties)
        link.send(data + MALFORMED if self._halved else data)

    async def _talk(self, how: Connection) -> None:
        link = self._link
        assert link is not None
        loop = asyncio.get_running_loop()
        impatient = loop.time() + IMPATIENCE
        again = list(self._waiting.values())
        sent = 0
        while not self._lost and not self._finished:
            self._heard.clear()
            wake = None
            if not self._accepted:
                wake = impatient
                if loop.time() >= impatient:
                    link.reset()
                    return
            else:
                while how.end == "none" or sent < how.after:
                    message, due = self._next_message(again, loop.time())
                    if message is None:
                        wake = due
                        break
                    self._publish(link, message, half=how.end == "half" and sent == how.after - 1)
                    sent += 1
                else:
                    await asyncio.sleep(self._rng.choice((0.0, 0.005, 0.3)))
                    self._end(link, how.end)
                    return
            if not self._finished:
                await self._hear(wake)

    async def _hear(self, until: float | None) -> None:
        loop = asyncio.get_running_loop()
        handle = None if until is None else loop.call_at(until, self._heard.set)
        await self._heard.wait()
        if handle is not None:
            handle.cancel()

    def _end(self, link: Link, how: str) -> None:
        if how == "clean":
            link.send(packets.DISCONNECT)
            link.finish()
        elif how in ("unclean", "half"):
            link.reset()
        elif how == "vanish":
            link.vanish()
        elif how == "malformed" and not self._halved:
            self._halved = True
            link.send(MALFORMED)
        # takeover: the old connection stays, and may still bring something; nobody listens to it any more

    # -- publishing --------------------------------------------------------------------------------------------------

    def _next_message(self, again: list[plan.Message], now: float) -> tuple[plan.Message | None, float | None]:
        """What to send now; else when to ask again, or None: when something was heard."""
        if len(self._in_flight) >= self._window:
            return None, None
        while again:
            message = again.pop(0)
            if message.number in self._waiting:
                return message, None
        if self._next == len(self.plan.messages):
            return None, None
        message = self.plan.messages[self._next]
        if self._due_for != self._next:
            self._due_for = self._next
            self._due = now + message.pause
        if now < self._due:
            return None, self._due
        self._next += 1
        if message.qos:
            self._waiting[message.number] = message
        return message, None

    def _publish(self, link: Link, message: plan.Message, *, half: bool) -> None:
        number = message.number
        topic = TOPICS[message.topic][0].format(d=self.plan.name)
        forgotten = self.plan.forgets_dup and message.qos == QOS_2
        data = packets.publish(
            topic,
            payload(self.plan.name, number, message.size, poison=message.poison),
            qos=message.qos,
            packet_id=self._id_of(number) if message.qos else 0,
            level=self.plan.level,
            dup=bool(message.qos) and number in self._attempts and not self.plan.clean and not forgotten,
        )
        if half:
            self._halved = True
            link.send(data[: self._rng.randint(1, len(data) - 1)])
            return
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if message.qos:
            self._in_flight.add(number)
        connection = self._connections
        link.send(data, lambda: self._arrived(connection, message))
        if self.plan.forgets_dup and self.plan.level != MQTT_5 and message.qos == QOS_2 and self._moods.random() < 0.5:
            loop = asyncio.get_running_loop()
            loop.call_later(self._moods.uniform(*REPEAT), self._repeat, connection, link, number, data)
        if self._rng.random() < 0.1:
            link.send(packets.PINGREQ)

    def _repeat(self, connection: int, link: Link, number: int, data: bytes) -> None:
        """Without a new connection, as 3.1.1 allows; its PUBREC may be on its way."""
        if connection == self._connections and number in self._waiting and not (self._lost or self._halved):
            link.send(data)

    def _id_of(self, number: int) -> int:
        """The packet identifier of a message; a new one gets the smallest that is free, as many clients do it."""
        for packet_id, named in self._ids.items():
            if named == number:
                return packet_id
        packet_id = next(free for free in range(1, len(self._ids) + 2) if free not in self._ids)
        self._ids[packet_id] = number
        return packet_id

    def _free(self, number: int) -> None:
        self._in_flight.discard(number)
        self._ids = {packet_id: named for packet_id, named in self._ids.items() if named != number}

    def _arrived(self, connection: int, message: plan.Message) -> None:
        """The adapter has read it whole. What an old connection still brings is a transmission like any other."""
        number = message.number
        self._note(f"{self.plan.name} PUBLISH {number} QoS {message.qos} has arrived")
        within_session = number in self._known
        if message.qos == QOS_2:
            self._known.add(number)
        if connection == self._connections:
            self.story.sent(number, message.qos, within_session=within_session)
        else:
            self.story.published.setdefault(number, message.qos)
            self.story.transmissions[number] += not within_session

    # -- listening ---------------------------------------------------------------------------------------------------

    def _adapter_wrote(self, connection: int, data: bytes) -> None:
        if connection == self._connections:
            self._wrote(self, data)

    def _read(self, connection: int, data: bytes) -> None:
        if connection != self._connections:
            return
        found, self._unread = split(self._unread + data)
        for kind, body in found:
            self._take(kind, body)
        self._heard.set()

    def _take(self, kind: int, body: bytes) -> None:
        if kind == CONNACK:
            self._accepted = body[1] == 0
            if self._accepted:
                self._resume(present=body[0] == 1)
        elif kind in {PUBACK, PUBREC}:
            number = self.number(int.from_bytes(body[:2], "big"))
            if number in self._releasing:  # of a message that was sent again
                return
            success = len(body) < 3 or body[2] < REFUSED
            self.story.answered(number, success=success)
            name = "PUBACK" if kind == PUBACK else "PUBREC"
            self._note(f"{self.plan.name} reads {name} {number}{'' if success else ' refused'}")
            self._waiting.pop(number, None)
            if kind == PUBREC and success:
                self._releasing[number] = None
                self._release(number)
            else:
                self._free(number)
        elif kind == PUBCOMP:
            number = self.number(int.from_bytes(body[:2], "big"))
            self._note(f"{self.plan.name} reads PUBCOMP {number}")
            self._releasing.pop(number, None)
            self._free(number)

    def _resume(self, *, present: bool) -> None:
        """Go on with the exchanges of QoS 2 if the session is still there; what had its PUBREC is done in any case."""
        if not present:
            self._known.clear()
            for number in self._releasing:
                self._free(number)
            self._releasing.clear()
        for number in self._releasing:
            self._release(number)

    def _release(self, number: int) -> None:
        assert self._link is not None
        if not self._halved:
            self._link.send(packets.packet(PUBREL << 4 | 2, self._id_of(number).to_bytes(2, "big")))

    def _ended(self, connection: int) -> None:
        if connection != self._connections:
            return
        self._lost = True
        self._note(f"{self.plan.name} is disconnected")
        oldest = next(iter(self._waiting.values()), None)
        if oldest is not None and self._attempts.get(oldest.number, 0) >= PATIENCE and self._doubtful(oldest):
            del self._waiting[oldest.number]
        self._heard.set()

    @staticmethod
    def _doubtful(message: plan.Message) -> bool:
        return message.poison or TOPICS[message.topic][1] or (message.topic in (3, 4) and not message.qos)


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole packets at the beginning, as type and body, and what is left."""
    found = []
    while len(data) >= 2:
        length = shift = 0
        start = 1
        while start < len(data):
            length |= (data[start] & 0x7F) << shift
            shift += 7
            start += 1
            if data[start - 1] < 0x80:
                break
        if data[start - 1] >= 0x80 or len(data) < start + length:
            break
        found.append((data[0] >> 4, data[start : start + length]))
        data = data[start + length :]
    return found, data
