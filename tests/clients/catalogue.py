"""The clients: one entry each. A new one is a program in the folder of its language, and a line here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.clients.languages import C, Go, Java, Language, Mosquitto, Node, Python, Rust

if TYPE_CHECKING:
    from collections.abc import Mapping

MQTT_3_1_1, MQTT_5 = 4, 5
BOTH = (MQTT_3_1_1, MQTT_5)
NAMES = {MQTT_3_1_1: "3.1.1", MQTT_5: "5.0"}


@dataclass(frozen=True, slots=True)
class Client:
    """`lacks`: what the client cannot do, by scenario, and why. `quick`: it is part of `make test`."""

    name: str
    language: Language
    library: str  # as its registry calls it
    program: str
    levels: tuple[int, ...] = BOTH
    lacks: Mapping[str, str] = field(default_factory=dict, hash=False)
    quick: bool = False

    def command(self) -> list[str]:
        """What starts its program."""
        return self.language.command(self.program)


PYTHON, MOSQUITTO, NODE, JAVA, GO, RUST, LIBC = Python(), Mosquitto(), Node(), Java(), Go(), Rust(), C()

NO_WEBSOCKET = "has no WebSocket"
WITHOUT_WEBSOCKET = {"WebSocket": NO_WEBSOCKET, "secure WebSocket": NO_WEBSOCKET}

CLIENTS = (
    Client("paho-mqtt", PYTHON, "paho-mqtt", "paho_client", quick=True),
    Client("aiomqtt", PYTHON, "aiomqtt", "aiomqtt_client", quick=True),
    Client("gmqtt", PYTHON, "gmqtt", "gmqtt_client", lacks=WITHOUT_WEBSOCKET, quick=True),
    Client("amqtt", PYTHON, "amqtt", "amqtt_client", levels=(MQTT_3_1_1,), quick=True),
    Client(
        "mosquitto_pub",
        MOSQUITTO,
        "mosquitto_pub",
        "mosquitto_client",
        lacks={**WITHOUT_WEBSOCKET, "QoS 0, 1, 2 mixed": "has one QoS a run"},
        quick=True,
    ),
    Client("MQTT.js", NODE, "mqtt", "mqttjs", quick=True),
    Client("Eclipse Paho mqttv3", JAVA, "org.eclipse.paho.client.mqttv3", "PahoV3", levels=(MQTT_3_1_1,)),
    Client(
        "Eclipse Paho mqttv5",
        JAVA,
        "org.eclipse.paho.mqttv5.client",
        "PahoV5",
        levels=(MQTT_5,),
        lacks={
            "reconnect": "repeats messages with topic aliases of the lost connection, which MQTT forbids, and so "
            "reconnects for ever, unless `ADAPTER_MQTT__TOPIC_ALIAS_MAXIMUM=0`"
        },
    ),
    Client("HiveMQ MQTT Client", JAVA, "hivemq-mqtt-client", "HiveMq"),
    Client("paho.mqtt.golang", GO, "github.com/eclipse/paho.mqtt.golang", "paho_mqtt_golang", levels=(MQTT_3_1_1,)),
    Client("autopaho", GO, "github.com/eclipse/paho.golang", "autopaho", levels=(MQTT_5,)),
    Client("rumqttc", RUST, "rumqttc", "rumqttc_client"),
    Client("libmosquitto", LIBC, "libmosquitto", "libmosquitto_client", lacks=WITHOUT_WEBSOCKET),
)
