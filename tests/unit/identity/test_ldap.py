"""amqtt's LDAP plugins, unchanged, with a directory in memory in place of the library: names mean only themselves."""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from adapter.model import Identity
from adapter.reasons import ReasonCode
from tests.support.gate import Lines, answer, config, connect, gatekeeper, let_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from adapter.identity.gatekeeper import Gatekeeper

USERS = {"dev1@acme": "secret"}
SERVER = {
    "server": "ldap://directory",
    "base_dn": "dc=acme",
    "user_attribute": "uid",
    "bind_dn": "cn=adapter",
    "bind_password": "adapter",
}
RIGHTS = {"publish_attribute": "may", "subscribe_attribute": "may", "receive_attribute": "may"}
USER, TOPIC = "amqtt.contrib.ldap.UserAuthLdapPlugin", "amqtt.contrib.ldap.TopicAuthLdapPlugin"
REFUSED = ReasonCode.BAD_USER_NAME_OR_PASSWORD


class Directory(ModuleType):
    """The library `ldap`, as far as the plugins use it, and a server that allows unauthenticated binds."""

    VERSION3 = 3
    SCOPE_SUBTREE = 2

    class LDAPError(Exception):
        """The library's errors."""

    class INVALID_CREDENTIALS(LDAPError):  # noqa: N801, N818 - the library's name
        """A wrong password."""

    def initialize(self, server: str) -> Directory:
        assert server == "ldap://directory"
        return self

    def simple_bind_s(self, dn: str, password: str | None) -> None:
        if password and dn != "cn=adapter" and password != USERS[dn]:
            raise self.INVALID_CREDENTIALS

    def search_s(self, _base: str, _scope: int, search_filter: str, _attributes: list[str]) -> list[tuple[str, Any]]:
        _, _, value = search_filter[1:-1].partition("=")
        value = re.sub(r"\\([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), value)
        pattern = ".*".join(map(re.escape, value.split("*")))
        return [(name, {"may": [b"#"]}) for name in USERS if re.fullmatch(pattern, name)]


@pytest.fixture(autouse=True)
def _directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "ldap", Directory("ldap"))
    sys.modules.pop("amqtt.contrib.ldap", None)
    yield
    sys.modules.pop("amqtt.contrib.ldap", None)


def gate_with(plugin: str, **more: str) -> AbstractAsyncContextManager[Gatekeeper]:
    return gatekeeper(config({plugin: SERVER | more}, required=plugin == USER), Lines())


async def test_the_right_password_lets_a_device_in() -> None:
    async with gate_with(USER) as gate:
        assert await answer(gate, connect("dev1@acme", "secret")) == Identity("c1", "dev1@acme", "acme", "dev1")
        assert await answer(gate, connect("dev1@acme", "wrong")) == REFUSED
        assert await answer(gate, connect("dev2@acme", "secret")) == REFUSED


@pytest.mark.parametrize("name", ["d*@acme", "*", r"\64ev1@acme", "dev1@acme)", "(dev1@acme", "", None])
async def test_a_name_that_means_another_in_a_filter_is_refused(name: str | None) -> None:
    async with gate_with(USER) as gate:
        assert await answer(gate, connect(name, "secret")) == REFUSED


@pytest.mark.parametrize("password", ["", None])
async def test_an_empty_password_proves_nothing(password: str | None) -> None:
    async with gate_with(USER) as gate:
        assert await answer(gate, connect("dev1@acme", password)) == REFUSED


@pytest.mark.parametrize(("name", "allowed"), [("dev1@acme", True), ("d*@acme", False), (r"\64ev1@acme", False)])
async def test_the_rights_of_another_are_not_found_by_a_pattern(name: str, *, allowed: bool) -> None:
    async with gate_with(TOPIC, **RIGHTS) as gate:
        assert await gate.may_publish(let_in(Identity("c1", name, "acme", "dev1")), "telemetry") is allowed
