"""From a CONNECT to its CONNACK (sections 3.1 and 3.2 of both specifications).

The CONNECT is decoded, checked against the limits and authenticated, and its Will authorised; then the session is
opened, or refused and closed. `handshake.py` makes the CONNACKs.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from adapter.errors import ConnectRefusedError, LimitError, ProtocolError
from adapter.mqtt.connect import MQTT_5, decode_connect
from adapter.mqtt.handshake import FULL, STOPPING, accepted, level_to_answer_in, reason_to_refuse, refused
from adapter.mqtt.pause import Pause
from adapter.reasons import CloseCause, Limit, ReasonCode

if TYPE_CHECKING:
    from adapter.model import Connect, Identity
    from adapter.mqtt.session import Session
    from adapter.mqtt.wills import LastWill

ASSIGNED_ID_BYTES = 12
WRONG_CREDENTIALS = {ReasonCode.BAD_USER_NAME_OR_PASSWORD, ReasonCode.NOT_AUTHORIZED}


class Admission:
    """Serves one session that is not open yet."""

    __slots__ = ("_assigned", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._assigned = False  # whether the server chose the client identifier

    def begin(self, body: bytes) -> None:
        """Handle a CONNECT, without its fixed header. Raises ProtocolError if the connection is closed unanswered."""
        session = self._session
        frontend = session.frontend
        try:
            connect = decode_connect(body)
        except (ConnectRefusedError, ProtocolError) as error:
            if not self.refuse_unread(body, error):
                raise
            return
        session.level = connect.level
        session.problem_information = connect.request_problem_information
        session.peer_packet_limit = connect.maximum_packet_size
        self._assigned = not connect.client_id
        if self._assigned:
            connect = replace(connect, client_id="auto-" + secrets.token_hex(ASSIGNED_ID_BYTES))
        session.client_id = connect.client_id
        refusal = reason_to_refuse(connect, frontend, session.peer.address, assigned=self._assigned)
        if refusal is not None:
            self._refuse(refusal)
            return
        if session.authenticating(len(body)):
            session.question = frontend.gate.authenticate(connect, session.peer, partial(self._authenticated, connect))

    def refuse_unread(self, body: bytes, error: ConnectRefusedError | ProtocolError) -> bool:
        """Refuse a CONNECT that cannot be decoded; `body` may be part of it. False: 3.1.1 has no answer to it."""
        session = self._session
        session.level = level_to_answer_in(body)
        if isinstance(error, ProtocolError) and session.level != MQTT_5:
            return False  # 3.1.1 closes without an answer [MQTT-4.8.0-1]
        if isinstance(error, LimitError):
            session.frontend.counters.limited[error.limit] += 1
        # 5.0 section 4.13.1. No Reason String, because the Maximum Packet Size is unknown [MQTT-3.1.2-24].
        session.problem_information = False
        self._refuse(ConnectRefusedError(error.code, error.text))
        return True

    def _authenticated(self, connect: Connect, result: Identity | ConnectRefusedError) -> None:
        session = self._session
        if not session.is_authenticating:
            return
        if isinstance(result, ConnectRefusedError):
            self._refuse_slowly(result)
            return
        if connect.will is None:
            self._accept(connect, result, None)
        else:
            session.frontend.wills.check(result, connect.will, partial(self._will_checked, connect, result))

    def _will_checked(self, connect: Connect, identity: Identity, result: LastWill | ConnectRefusedError) -> None:
        if not self._session.is_authenticating:
            return
        if isinstance(result, ConnectRefusedError):
            self._refuse(result)
        else:
            self._accept(connect, identity, result)

    def _accept(self, connect: Connect, identity: Identity, will: LastWill | None) -> None:
        session = self._session
        frontend = session.frontend
        if frontend.draining:
            self._refuse(STOPPING)
            return
        if not frontend.has_place(identity.tenant, connect.client_id):
            frontend.counters.limited[Limit.CONNECTIONS] += 1
            self._refuse(FULL)
            return
        frontend.register(session, identity.tenant, connect.client_id)
        present = session.open(identity, connect)
        frontend.wills.returned(identity, session_present=present)
        if will is not None:
            frontend.wills.keep(session, will)
        session.reply(accepted(connect, frontend.config, assigned=self._assigned, session_present=present))
        session.resume(Pause.AUTHENTICATION)

    def _refuse_slowly(self, error: ConnectRefusedError) -> None:
        """Delay the answers to repeated wrong credentials; correct ones from the same address are not delayed."""
        session = self._session
        frontend = session.frontend
        delay = frontend.addresses.refused(session.peer.address) if error.code in WRONG_CREDENTIALS else 0.0
        if not delay:
            self._refuse(error)
            return
        frontend.limited(Limit.REFUSAL_DELAYED, session.peer.address, session.client_id)
        frontend.timers.call_later(delay, self._refuse, error)

    def _refuse(self, error: ConnectRefusedError) -> None:
        """Answer the CONNECT with the reason, and close [MQTT-3.2.2-5, 5.0: 3.2.2-7]."""
        session = self._session
        if session.is_over:  # it did not wait for the answer
            return
        frontend = session.frontend
        frontend.counters.connects_refused[error.code] += 1
        frontend.log.warning(
            "connection refused",
            peer=session.peer.address,
            client_id=session.client_id,
            code=error.code.name,
            text=error.text,
        )
        limit = session.peer_packet_limit
        session.reply(refused(session.level, error, reason_string=session.problem_information, limit=limit))
        session.end(None, CloseCause.REFUSED)
