"""amqtt's Session, as its plugins expect it, from what the adapter knows of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amqtt.session import Session

if TYPE_CHECKING:
    from adapter.model import Connect, Identity


def connecting_session(connect: Connect, peer: str) -> Session:
    """Make the session of a CONNECT from the address `peer`. Raises ValueError for a password that is not UTF-8.

    A password may be any bytes ([MQTT-3.1.3.5]), but plugins are given text.
    """
    session = Session()
    session.client_id = connect.client_id
    session.username = connect.username
    session.password = None if connect.password is None else connect.password.decode()
    session.remote_address = peer
    session.clean_session = connect.clean_start
    session.keep_alive = connect.keep_alive
    if connect.will is not None:
        session.will_flag = True
        session.will_topic = connect.will.topic
        session.will_message = connect.will.payload
        session.will_qos = connect.will.qos
        session.will_retain = connect.will.retain
    return session


def connected_session(identity: Identity) -> Session:
    """Make the session of a connection that was let in, for questions about its topics."""
    session = Session()
    session.client_id = identity.client_id
    session.username = identity.username
    session.is_anonymous = identity.username is None
    return session
