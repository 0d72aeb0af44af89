"""amqtt's Session, made cheaply, is still what plugins expect."""

import pytest
from amqtt.session import Session

from adapter.identity.sessions import PasswordNotTextError, session_of
from adapter.peer import Peer
from tests.support.gate import connect


def test_a_session_has_amqtts_state_machine_for_who_looks() -> None:
    session = session_of(connect("u", "p"), Peer("192.0.2.7"))
    assert isinstance(session, Session)
    assert session.transitions.state == "new"
    session.transitions.connect()
    assert session.transitions.state == "connected"
    assert repr(session) == "PluginSession(clientId=c1, state=connected)"


def test_an_error_about_a_password_does_not_carry_it() -> None:
    with pytest.raises(PasswordNotTextError) as caught:
        session_of(connect("u", b"hunter2\xff"), Peer("192.0.2.7"))
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__suppress_context__
