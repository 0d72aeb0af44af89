"""amqtt plugins that behave badly or oddly, configured by their class path as an operator would."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from amqtt.contexts import BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin

if TYPE_CHECKING:
    from amqtt.contexts import Action
    from amqtt.session import Session

HERE = "tests.support.plugins"


class Says(BaseAuthPlugin):
    """Answers as configured; keeps the sessions it was asked about."""

    asked: ClassVar[list[Session]] = []

    async def authenticate(self, *, session: Session) -> bool | None:
        self.asked.append(session)
        said: bool | None = self.config.answer
        return said

    @dataclass
    class Config:
        answer: bool | None = True


class AlsoSays(Says):
    """Another one beside it."""


class Raises(BaseAuthPlugin):
    """Raises, showing the password."""

    async def authenticate(self, *, session: Session) -> bool | None:
        raise RuntimeError(f"no answer for /user?password={session.password}")


class Exits(BaseAuthPlugin):
    """Ends the process, or would."""

    async def authenticate(self, *, session: Session) -> bool | None:
        if session.username == "exit":
            sys.exit(3)
        return True


class ExitsLater(BaseAuthPlugin):
    """Ends the process from a task of its own, or would."""

    async def authenticate(self, *, session: Session) -> bool | None:
        if session.username == "exit":
            self.task = asyncio.create_task(self.leave())
        return True

    async def leave(self) -> None:
        sys.exit(4)


class Blocks(BaseAuthPlugin):
    """Blocks its thread for the user `slow` until the test opens the gate; everybody else is let in at once."""

    gate: ClassVar[threading.Event] = threading.Event()
    blocked: ClassVar[threading.Semaphore] = threading.Semaphore(0)

    async def authenticate(self, *, session: Session) -> bool | None:
        if session.username == "slow":
            self.blocked.release()
            self.gate.wait()
        return True


class NeverReturns(BaseAuthPlugin):
    """Waits for what never comes, without blocking, and tells when it was cancelled."""

    cancelled: ClassVar[threading.Event] = threading.Event()

    async def authenticate(self, *, session: Session) -> bool | None:  # noqa: ARG002 - amqtt's signature
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return True


class Lifecycle(BaseAuthPlugin):
    """Notes what it is told, and in which thread."""

    told: ClassVar[list[tuple[str, str]]] = []

    def _note(self, what: str) -> None:
        self.told.append((threading.current_thread().name, what))

    async def on_broker_pre_start(self) -> None:
        self._note("pre_start")

    async def on_broker_post_start(self) -> None:
        self._note("post_start")

    async def on_broker_pre_shutdown(self) -> None:
        self._note("pre_shutdown")

    async def close(self) -> None:
        self._note("close")


class CannotStart(BaseAuthPlugin):
    """Fails when the broker is about to start."""

    async def on_broker_pre_start(self) -> None:
        raise OSError("no database")


class CannotClose(BaseAuthPlugin):
    """Fails to free what it holds."""

    async def close(self) -> None:
        raise OSError("already gone")


class CannotBeMade(BaseAuthPlugin):
    """Fails in its constructor."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        raise OSError("no key")


class TopicSays(BaseTopicPlugin):
    """Answers about topics as configured; keeps what it was asked."""

    asked: ClassVar[list[tuple[str | None, str | None, str | None, Action | None]]] = []

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        assert session is not None
        self.asked.append((session.client_id, session.username, topic, action))
        said: bool | None = self.config.answer
        return said

    @dataclass
    class Config:
        answer: bool | None = True


class Remembers(BaseAuthPlugin, BaseTopicPlugin):
    """Decides on topics by what it noted in the session when it let the device in, and by the password."""

    async def authenticate(self, *, session: Session) -> bool | None:
        session.attributes["tests.role"] = "publisher"
        return True

    async def topic_filtering(self, *, session: Session | None = None, **_: object) -> bool | None:
        assert session is not None
        return session.attributes.get("tests.role") == "publisher" and bool(session.password)


class LetsGuestsIn(BaseAuthPlugin):
    """Looks at no password, and says so."""

    async def authenticate(self, *, session: Session) -> bool | None:
        session.is_anonymous = True
        return True


class TopicRaises(BaseTopicPlugin):
    """Raises when asked about a topic, showing the password."""

    async def topic_filtering(self, *, session: Session | None = None, **_: object) -> bool | None:
        assert session is not None
        raise RuntimeError(f"token {session.password!r} is over")


class WatchesOnly(BasePlugin[BaseContext]):
    """Neither checks credentials nor topics."""


class Secretive(BaseAuthPlugin):
    """Has a number and a secret."""

    @dataclass
    class Config:
        secret: str
        number: int = 0


class NoPlugin:
    """Any class."""


class Undescribed(BaseAuthPlugin):
    """Its Config is no dataclass."""

    class Config:
        pass


class Unresolvable(BaseAuthPlugin):
    """Its Config refers to a type that does not exist."""

    @dataclass
    class Config:
        number: "Nothing" = 0  # type: ignore[name-defined] # noqa: F821, UP037 - that is the point


class Choosy(BaseAuthPlugin):
    """Its Config checks itself."""

    @dataclass
    class Config:
        number: int = 0

        def __post_init__(self) -> None:
            raise RuntimeError(f"not {self.number}")


class Both(BaseAuthPlugin, BaseTopicPlugin):
    """Checks credentials and topics."""


class NotAsync(BaseAuthPlugin):
    """A plugin of the wrong colour."""

    def authenticate(self, *, session: Session) -> bool | None:  # type: ignore[override] # that is the point
        return session is not None


class StartsSlowly(BaseAuthPlugin):
    """Waits for a database that is not there."""

    async def on_broker_pre_start(self) -> None:
        await asyncio.Event().wait()


class ClosesSlowly(BaseAuthPlugin):
    """Waits for its last answers, for ever."""

    async def close(self) -> None:
        await asyncio.Event().wait()


class BlocksUntilFile(BaseAuthPlugin):
    """Blocks its thread for user names with `slow` until there is a file; everybody else is let in at once."""

    async def authenticate(self, *, session: Session) -> bool | None:
        if "slow" in (session.username or ""):
            Path(f"{self.config.file}.blocked").touch()  # noqa: ASYNC240 - that is the point
            while not Path(self.config.file).exists():  # noqa: ASYNC240 - that is the point
                time.sleep(0.01)  # noqa: ASYNC251
        return True

    @dataclass
    class Config:
        file: str
