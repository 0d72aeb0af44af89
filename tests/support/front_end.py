"""A front end on virtual time, with a Kafka that answers when the test says: for tests of sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapter.counters import Ledger
from adapter.delivery.budget import Budget
from adapter.delivery.overflow import DropOldest
from adapter.delivery.pipeline import Pipeline, PipelineConfig
from adapter.model import Connect, Delivery, EmptyPayload, Identity, PublishHeader, RecordTemplate, Refusal
from adapter.mqtt.frontend import Frontend, MqttConfig
from adapter.mqtt.session import Session
from adapter.mqtt.turns import Turns
from adapter.peer import Peer
from adapter.reasons import Reason
from adapter.runs import Route
from tests.support.fakes import FakeKafka, FakeLog, FakeWire, VirtualTime
from tests.support.packets import connect

if TYPE_CHECKING:
    from adapter.errors import ConnectRefusedError, KafkaError

EMPTY_PAYLOAD = {"full": EmptyPayload.REFUSED, "empty": EmptyPayload.REQUIRED}
ENDLESS = 10**9  # virtual time stands still, and so would a turn of the loop

Done = Callable[[Route | Refusal], None]
Connecting = tuple[Connect, Callable[["Identity | ConnectRefusedError"], None]]


class LookUp:
    """One that the test answers."""

    def __init__(self, gate: Gate, question: tuple[PublishHeader, Done]) -> None:
        self._gate = gate
        self._question = question

    def cancel(self) -> None:
        self._gate.waiting.remove(self._question)


class Gate:
    """Lets everyone in as tenant `demo`; a topic's first level says what becomes of it.

    `later/…` is answered when the test says, `no/…` is refused, `early/…` is acknowledged on receipt, `p1/…` goes to
    partition 1, `full/…` takes no empty payload, `empty/…` takes no other. The lane of a Will for `lost/…` is not known
    until the test says.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.waiting: list[tuple[PublishHeader, Done]] = []
        self.resolved: list[PublishHeader] = []
        self.connects: list[Connecting] = []
        self.binding: list[tuple[RecordTemplate, Done]] = []
        self.peers: list[Peer] = []
        self.hold_connects = False
        self.refuse: ConnectRefusedError | None = None

    def authenticate(
        self, connect: Connect, peer: Peer, done: Callable[[Identity | ConnectRefusedError], None]
    ) -> Question | None:
        self.peers.append(peer)
        self.connects.append((connect, done))
        if not self.hold_connects:
            self.let_in()
            return None
        return Question(self, self.connects[-1])

    def let_in(self, tenant: str = "demo") -> None:
        connect, done = self.connects.pop(0)
        done(self.refuse or Identity(connect.client_id, tenant=tenant))

    def resolve(self, identity: Identity, header: PublishHeader, done: Done) -> Route | Refusal | LookUp:
        assert identity.tenant is not None
        self.resolved.append(header)
        if header.topic.startswith("later/"):
            self.waiting.append((header, done))
            return LookUp(self, (header, done))
        if header.topic.startswith("no/"):
            return Refusal(Reason.NOT_AUTHORIZED, "not yours")
        return self.route(header)

    def authorise(
        self, identity: Identity, header: PublishHeader, done: Callable[[RecordTemplate | Refusal], None]
    ) -> RecordTemplate | Refusal | None:
        found = self.resolve(
            identity, header, lambda route: done(route.template if isinstance(route, Route) else route)
        )
        if isinstance(found, Route):
            return found.template
        return found if isinstance(found, Refusal) else None

    def bind(self, template: RecordTemplate, done: Done) -> Route | Refusal | None:
        if template.route == "lost":
            self.binding.append((template, done))
            return None
        return self.bound(template)

    def bound(self, template: RecordTemplate) -> Route:
        at = self.pipeline.lane if template.expiry is None else self.pipeline.expiring_lane
        lane = at("plant", 1 if template.route == "p1" else 0)
        return Route(template, lane, ack_on_receipt=template.delivery is Delivery.AT_MOST_ONCE)

    def route(self, header: PublishHeader) -> Route:
        template = RecordTemplate(
            "plant",
            b"device",
            (
                ("qos", b"%d" % header.qos),
                ("retain", b"%d" % header.retain),
                *((name, value.encode()) for name, value in header.properties.user_properties),
            ),
            header.topic.partition("/")[0],
            empty_payload=EMPTY_PAYLOAD.get(header.topic.partition("/")[0], EmptyPayload.ALLOWED),
            expiry=header.properties.message_expiry,
            delivery=Delivery.AT_MOST_ONCE if header.topic.startswith("early/") else None,
        )
        return self.bound(template)

    def answer(self) -> None:
        header, done = self.waiting.pop(0)
        done(self.route(header))


class Question:
    """A CONNECT that waits for its answer."""

    def __init__(self, gate: Gate, connect: Connecting) -> None:
        self._gate = gate
        self._connect = connect

    def cancel(self) -> None:
        """It has gone."""
        if self._connect in self._gate.connects:
            self._gate.connects.remove(self._connect)


class World:
    """A front end and everything around it."""

    def __init__(
        self, budget: int = 10_000_000, *, drop_oldest: bool = False, turn: int = ENDLESS, **config: float
    ) -> None:
        self.time = VirtualTime()
        self.kafka = FakeKafka()
        self.ledger = Ledger()
        self.budget = Budget(budget)
        self.pipeline = Pipeline(
            PipelineConfig(max_batch_size=1_000_000, delivery_timeout=60.0),
            self.kafka,
            self.time,
            self.budget,
            self.ledger,
            receipts_wanted=lambda: self.frontend.counters.receipts_wanted > 0,
        )
        self.gate = Gate(self.pipeline)
        self.log = FakeLog()
        self.frontend = Frontend(
            MqttConfig(**config),  # type: ignore[arg-type]
            self.gate,
            self.budget,
            self.ledger,
            self.time,
            self.time.wall_ms,
            self.log,
            make_room=DropOldest(self.pipeline, self.budget, self.time).make_room if drop_oldest else None,
        )
        for line in ("turns", "reads", "openings"):
            setattr(self.frontend, line, Turns(self.time, turn, strict=line == "openings"))

    def accept(self) -> Device:
        return Device(self)

    def device(self, client_id: str = "c1", *, level: int = 4, **fields: object) -> Device:
        """A device that is connected."""
        device = self.accept()
        device.send(connect(client_id, level=level, **fields))  # type: ignore[arg-type]
        answer = device.wire.take()
        assert answer[0] == 0x20
        assert answer[3] == 0
        return device

    def answer_all(self, error: KafkaError | None = None) -> None:
        for _ in range(1000):
            self.time.turn()
            if not self.kafka.waiting:
                return
            self.kafka.answer(error)

    def balanced(self) -> bool:
        return [self.ledger.difference(qos) for qos in range(3)] == [0, 0, 0]


class Device:
    """One socket."""

    def __init__(self, world: World) -> None:
        self.wire = FakeWire()
        self.session = Session(world.frontend, self.wire, Peer("peer"))

    def send(self, *packets: bytes) -> None:
        self.session.receive(b"".join(packets))
