"""Makes the amqtt Session that plugins expect from what the adapter knows about a connection."""

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
    """A password is not UTF-8. MQTT allows any bytes (3.1.1 section 3.1.3.5), but plugins get text."""

    def __init__(self) -> None:
        super().__init__("the password is not UTF-8, as this server requires")


class ShownCertificate:
    """Stands in for the connection's TLS object, which amqtt's plugins ask for the client certificate."""

    __slots__ = ("_der",)

    def __init__(self, der: bytes) -> None:
        self._der = der

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, object]:  # noqa: FBT001, FBT002 - `ssl`'s
        """Return the certificate in DER. The decoded form is always empty, as for an unverified certificate."""
        return self._der if binary_form else {}


class PluginSession(Session):
    """A Session that creates its state machine only on first access.

    The state machine is most of what a Session costs (200 µs and 30 KiB, against 2 µs and 7 KiB without it), and no
    plugin of amqtt uses it.
    """

    def _init_states(self) -> None:
        """Do nothing: `transitions` creates the state machine."""

    @cached_property
    def transitions(self) -> Machine:  # type: ignore[override] # a cached_property can be set
        """The state machine, in its initial state `new`."""
        super()._init_states()  # sets this attribute
        machine: Machine = vars(self)["transitions"]
        return machine


def session_of(connect: Connect, peer: Peer) -> Session:
    """Return the session of a CONNECT from `peer`. Raises PasswordNotTextError."""
    session = PluginSession()
    session.client_id = connect.client_id
    session.username = connect.username
    try:
        session.password = None if connect.password is None else connect.password.decode()
    except UnicodeDecodeError:
        raise PasswordNotTextError from None  # the error would contain the password
    session.remote_address = peer.address
    if peer.certificate is not None:
        session.ssl_object = ShownCertificate(peer.certificate.der)  # type: ignore[assignment] # plugins use nothing else of it
    session.clean_session = connect.clean_start
    session.keep_alive = connect.keep_alive
    if connect.will is not None:
        session.will_flag = True
        session.will_topic = connect.will.topic
        session.will_message = connect.will.payload
        session.will_qos = connect.will.qos
        session.will_retain = connect.will.retain
    return session
