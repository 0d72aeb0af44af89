"""`explain`: says what would become of a PUBLISH, without publishing it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adapter.commands import exit_codes, name_and_value, size
from adapter.errors import ProtocolError
from adapter.identity.naming import identity_of
from adapter.model import PublishHeader, PublishProperties, RecordTemplate, Refusal
from adapter.mqtt.publish_flow import RECORD_TOO_LARGE
from adapter.mqtt.topic_names import decode_topic_name
from adapter.reasons import UNAUTHORIZED, Reason
from adapter.routing.explain import Explanation, explain
from adapter.settings import load_settings
from adapter.wiring import make_router, max_record_size

if TYPE_CHECKING:
    import argparse

    from adapter.commands import Commands
    from adapter.settings import Settings


def add_parser(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="say what becomes of a PUBLISH",
        description="Prints which route a PUBLISH takes and the Kafka record that it becomes, or why it is refused. "
        "Uses the settings of the environment; asks neither Kafka nor a plugin.",
        epilog="Exit codes: 0 it becomes a record, 1 it is refused, 2 wrong arguments or settings.",
    )
    parser.add_argument("topic", metavar="MQTT_TOPIC", help="the topic of the PUBLISH, with its property bag")
    parser.add_argument("--qos", type=int, choices=(0, 1, 2), default=1, help="default: 1")
    parser.add_argument(
        "--user", metavar="NAME", help="user name of the device, treated as verified: {auth-id}@{tenant}"
    )
    parser.add_argument("--client-id", metavar="ID", default="client", help="client identifier of the device")
    parser.add_argument("--retain", action="store_true", help="set the RETAIN flag")
    parser.add_argument("--payload-size", type=size, metavar="BYTES", default=1, help="default: 1")
    parser.add_argument("--content-type", metavar="TYPE", help="the Content Type property of MQTT 5.0")
    parser.add_argument("--message-expiry", type=int, metavar="SECONDS", help="the Message Expiry Interval of MQTT 5.0")
    parser.add_argument(
        "--user-property",
        metavar="NAME=VALUE",
        type=name_and_value,
        action="append",
        default=[],
        help="a User Property of MQTT 5.0; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    settings = load_settings(os.environ)
    try:
        topic = decode_topic_name(os.fsencode(arguments.topic))
    except ProtocolError as error:
        sys.stderr.write(f"Not an MQTT topic name: {error.text}\n")
        return exit_codes.REFUSED
    properties = PublishProperties(
        content_type=arguments.content_type,
        message_expiry=arguments.message_expiry,
        user_properties=tuple(arguments.user_property),
    )
    header = PublishHeader(topic, arguments.qos, arguments.retain, properties)
    identity = identity_of(arguments.client_id, arguments.user, settings.auth.gateways)
    router = make_router(settings)
    letters = settings.kafka.dead_letter_topic
    over_limit = _over_limit(header, arguments.payload_size, settings)
    if over_limit is None:
        explanation = explain(router, identity, header, arguments.payload_size)
    else:
        explanation = Explanation(None, over_limit, ())
    result = explanation.result
    if isinstance(result, RecordTemplate) and result.overhead + arguments.payload_size > max_record_size(settings):
        result = over_limit = RECORD_TOO_LARGE
        explanation = replace(explanation, result=result)
    if isinstance(result, RecordTemplate) or over_limit is not None or result.reason in UNAUTHORIZED:
        letters = None
    sys.stdout.write(_as_json(explanation, letters) if arguments.json else _as_text(explanation, letters))
    return exit_codes.OK if isinstance(result, RecordTemplate) else exit_codes.REFUSED


def _over_limit(header: PublishHeader, payload_size: int, settings: Settings) -> Refusal | None:
    """Return why a PUBLISH never reaches a route, nor the dead-letter topic: the limits of `adapter.mqtt`."""
    packet, largest = _packet_size(header, payload_size), settings.mqtt.max_packet_size
    if packet > largest:
        text = f"the packet has {packet} bytes, ADAPTER_MQTT__MAX_PACKET_SIZE allows {largest}; the connection ends"
        return Refusal(Reason.TOO_LARGE, text)
    topic = header.topic
    size, longest = len(topic.encode()), settings.mqtt.max_topic_length
    if size > longest:
        return Refusal(Reason.BAD_TOPIC, f"the topic has {size} bytes, ADAPTER_MQTT__MAX_TOPIC_LENGTH allows {longest}")
    levels, most = topic.count("/") + 1, settings.limits.topic_levels
    if levels > most:
        return Refusal(Reason.BAD_TOPIC, f"the topic has {levels} levels, ADAPTER_LIMITS__TOPIC_LEVELS allows {most}")
    count, most = len(header.properties.user_properties), settings.limits.user_properties
    if count > most:
        return Refusal(
            Reason.LIMIT, f"the packet has {count} user properties, ADAPTER_LIMITS__USER_PROPERTIES allows {most}"
        )
    return None


def _packet_size(header: PublishHeader, payload_size: int) -> int:
    """Return the size of the PUBLISH: of MQTT 3.1.1, or of 5.0 if it has properties."""
    properties = header.properties
    content_type = properties.content_type
    length = 0 if content_type is None else 3 + len(content_type.encode())
    length += 0 if properties.message_expiry is None else 5
    length += sum(5 + len(name.encode()) + len(value.encode()) for name, value in properties.user_properties)
    length += _varint_size(length) if length else 0
    length += 2 + len(header.topic.encode()) + (2 if header.qos else 0) + payload_size
    return 1 + _varint_size(length) + length


def _varint_size(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


def _as_json(explanation: Explanation, letters: str | None) -> str:
    result = explanation.result
    answer: dict[str, Any] = {"route": explanation.route, "tried": dict(explanation.tried)}
    if isinstance(result, RecordTemplate):
        answer["record"] = {
            "topic": result.topic,
            "key": result.key.decode(errors="replace") if result.key is not None else None,
            "headers": [[name, value.decode(errors="replace")] for name, value in result.headers],
        }
        answer["delivery"] = result.delivery.value if result.delivery else None
    else:
        answer["refused"] = {"reason": result.reason.value, "text": result.text}
        answer["dead_letter"] = letters
    return json.dumps(answer, ensure_ascii=False) + "\n"


def _as_text(explanation: Explanation, letters: str | None) -> str:
    lines = [f"not by  {name}: {why}" for name, why in explanation.tried]
    result = explanation.result
    lines.append(f"route   {explanation.route or 'none'}")
    if isinstance(result, RecordTemplate):
        key = result.key.decode(errors="replace") if result.key is not None else "(none)"
        lines += [f"topic   {result.topic}", f"key     {key}", "header  creation-time: (time of arrival, ms)"]
        lines += [f"header  {name}: {value.decode(errors='replace')}" for name, value in result.headers]
        if result.delivery is not None:
            lines.append(f"delivery {result.delivery.value}")
    else:
        lines += [f"refused {result.reason.value}", f"because {result.text}"]
        if letters is not None:
            lines.append(f"kept in {letters}, as a dead letter")
    return "\n".join(lines) + "\n"
