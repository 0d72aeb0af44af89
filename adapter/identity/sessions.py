"""amqtt's Session, as its plugins expect it, from what the adapter knows of a connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from amqtt.session import Session

from adapter.errors import AdapterError

if TYPE_CHECKING:
    from transitions import Machine

    from adapter.model import Connect
    from adapter.peer import Peer


class PasswordNotTextError(AdapterError):
    """A password that is not UTF-8. MQTT allows any bytes (3.1.1 section 3.1.3.5), but plugins are given text."""

    def __init__(self) -> None:
        super().__init__("the password is not UTF-8, which this server needs")


class ShownCertificate:
    """The client's certificate where amqtt's plugins look for it: they ask the connection's TLS object."""

    __slots__ = ("_der",)

    def __init__(self, der: bytes) -> None:
        self._der = der

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, object]:  # noqa: FBT001, FBT002 - `ssl`'s
        """As of `ssl.SSLObject`; the decoded form is not kept, and empty as of a certificate that was not verified."""
        return self._der if binary_form else {}


class PluginSession(Session):
    """A Session that makes its state machine when somebody looks at it.

    The machine is nearly all that a Session costs (200 µs and 30 KiB, against 2 µs and 7 KiB without it), and no plugin
    of amqtt's looks.
    """

    def _init_states(self) -> None:
        """Leave it to `transitions`."""

    @cached_property
    def transitions(self) -> Machine:  # type: ignore[override] # can be set: a cached_property gives way to it
        """The state machine, in state `new`."""
        super()._init_states()  # sets this attribute
        machine: Machine = vars(self)["transitions"]
        return machine


def session_of(connect: Connect, peer: Peer) -> Session:
    """Make the session of a CONNECT from `peer`. Raises PasswordNotTextError."""
    session = PluginSession()
    session.client_id = connect.client_id
    session.username = connect.username
    try:
        session.password = None if connect.password is None else connect.password.decode()
    except UnicodeDecodeError:
        raise PasswordNotTextError from None  # the error would carry the password
    session.remote_address = peer.address
    if peer.certificate is not None:
        session.ssl_object = ShownCertificate(peer.certificate.der)  # type: ignore[assignment] # all that plugins ask it
    session.clean_session = connect.clean_start
    session.keep_alive = connect.keep_alive
    if connect.will is not None:
        session.will_flag = True
        session.will_topic = connect.will.topic
        session.will_message = connect.will.payload
        session.will_qos = connect.will.qos
        session.will_retain = connect.will.retain
    return session
