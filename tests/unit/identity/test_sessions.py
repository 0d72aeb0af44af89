"""amqtt's Session, made cheaply, is still what plugins expect."""

import pytest
from amqtt.session import Session

from adapter.identity.sessions import PasswordNotTextError, connected_session, connecting_session
from adapter.model import Identity
from tests.support.gate import connect


def test_a_session_has_amqtts_state_machine_for_who_looks() -> None:
    session = connecting_session(connect("u", "p"), "192.0.2.7")
    assert isinstance(session, Session)
    assert session.transitions.state == "new"
    session.transitions.connect()
    assert session.transitions.state == "connected"
    assert repr(session) == "PluginSession(clientId=c1, state=connected)"


def test_a_connection_without_a_user_name_is_anonymous() -> None:
    assert [connected_session(Identity("c1", name)).is_anonymous for name in (None, "u")] == [True, False]


def test_an_error_about_a_password_does_not_carry_it() -> None:
    with pytest.raises(PasswordNotTextError) as caught:
        connecting_session(connect("u", b"hunter2\xff"), "192.0.2.7")
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__suppress_context__
