"""paho-mqtt, with its network loop in a thread of its own, as most who use it do."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.clients.python import contract

if TYPE_CHECKING:
    from paho.mqtt.reasoncodes import ReasonCode

MQTT_5 = 5


class _Publisher:
    def __init__(self, options: contract.Options) -> None:
        of_5 = options.level == MQTT_5
        self._places: dict[int, contract.Message] = {}
        self._changed = threading.Condition()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if of_5 else not options.keep,
            protocol=MQTTProtocolVersion(options.level),
            transport="websockets" if options.websocket else "tcp",
        )
        self._client.max_inflight_messages_set(100)
        self._client.on_connect = self._connected
        self._client.on_publish = self._published
        if options.websocket:
            self._client.ws_set_options(options.path)
        if options.ca is not None:
            self._client.tls_set(options.ca)
        if options.user is not None:
            self._client.username_pw_set(options.user, options.password)
        if options.will is not None:
            self._client.will_set(options.will, contract.WILL, 1)
        properties = None
        if of_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho has gaps in its types
            properties.SessionExpiryInterval = contract.HOUR if options.keep else 0
        self._client.connect(options.host, options.port, properties=properties)
        self._client.loop_start()

    def _connected(self, _: Client, __: Any, ___: ConnectFlags, code: ReasonCode, ____: Any) -> None:
        if code.is_failure:
            sys.stderr.write(f"refused: {code}\n")
        else:
            contract.connected()

    def _published(self, _: Client, __: Any, mid: int, code: ReasonCode, ___: Any) -> None:
        with self._changed:
            self._changed.wait_for(lambda: mid in self._places)  # `publish` may not have returned yet
            message = self._places.pop(mid)
            self._changed.notify()
        if code.is_failure:
            sys.stderr.write(f"message {message.place}: {code}\n")
        elif message.qos:
            contract.acked(message.place)

    def publish(self, message: contract.Message) -> None:
        # Not while holding our lock: paho holds one of its own in both calls.
        info = self._client.publish(message.topic, message.payload, message.qos)
        with self._changed:
            self._places[info.mid] = message
            self._changed.notify()

    def leave(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._places)
        self._client.disconnect()
        self._client.loop_stop()


def main() -> None:
    """Publish."""
    publisher = _Publisher(contract.options())
    for message in contract.messages():
        publisher.publish(message)
    publisher.leave()


if __name__ == "__main__":
    main()
