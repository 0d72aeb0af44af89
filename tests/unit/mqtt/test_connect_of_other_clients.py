"""CONNECT as other codecs write it is read as they meant it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from amqtt.mqtt.connect import ConnectPacket, ConnectPayload, ConnectVariableHeader
from gmqtt import Message
from gmqtt.mqtt.package import LoginPackageFactor
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from adapter.model import Connect, PublishProperties, Will
from adapter.mqtt.connect import decode_connect
from adapter.mqtt.framing import remaining_length

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ASCII = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20)


def wills(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Will | None]:
    topics = texts.map(lambda text: "w/" + text.replace("+", "").replace("#", ""))
    return st.none() | st.builds(Will, topics, st.binary(max_size=20), st.integers(0, 2), st.booleans())


def connects(level: int, texts: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[Connect]:
    """What a client may say; the properties of 5.0 with values that are not the defaults."""
    limits: dict[str, st.SearchStrategy[object]] = {}
    if level == 5:
        limits = {
            "session_expiry": st.integers(1, 2**32 - 1),
            "receive_maximum": st.integers(1, 65_535),
            "maximum_packet_size": st.integers(1, 268_435_455),
            "topic_alias_maximum": st.integers(0, 65_535),
            "request_response_information": st.booleans(),
            "request_problem_information": st.booleans(),
            "user_properties": st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(tuple),
        }
    build: Callable[..., st.SearchStrategy[Connect]] = st.builds  # the strategies have many types
    return build(
        Connect,
        level=st.just(level),
        client_id=texts.map(lambda text: "c" + text),
        clean_start=st.booleans(),
        keep_alive=st.integers(0, 65_535),
        username=texts,
        password=texts.map(str.encode),
        will=wills(texts),
        **limits,
    )


def read(packet: bytes) -> Connect:
    header = remaining_length(packet, 1)
    assert header is not None
    length, start = header
    assert len(packet) == start + length
    return decode_connect(packet[start:])


def written_by_paho(connect: Connect) -> bytes:
    v5 = connect.level == 5
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        connect.client_id,
        clean_session=None if v5 else connect.clean_start,
        protocol=paho.MQTTv5 if v5 else paho.MQTTv311,
    )
    assert connect.password is not None
    client.username_pw_set(connect.username, connect.password.decode())
    if connect.will is not None:
        client.will_set(connect.will.topic, connect.will.payload, connect.will.qos, connect.will.retain)
    if v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's types are partial
        properties.SessionExpiryInterval = connect.session_expiry
        properties.ReceiveMaximum = connect.receive_maximum
        properties.MaximumPacketSize = connect.maximum_packet_size
        properties.TopicAliasMaximum = connect.topic_alias_maximum
        properties.RequestResponseInformation = int(connect.request_response_information)
        properties.RequestProblemInformation = int(connect.request_problem_information)
        for pair in connect.user_properties:
            properties.UserProperty = pair
        client._connect_properties = properties
        client._clean_start = connect.clean_start
    client._send_connect(connect.keep_alive)  # has no socket: the packet stays in the queue
    return bytes(client._out_packet[0]["packet"])


@given(connects(4) | connects(5))
def test_what_paho_writes_is_read_as_it_was_meant(connect: Connect) -> None:
    assert read(written_by_paho(connect)) == connect


@given(connects(4))
def test_what_amqtt_writes_is_read_as_it_was_meant(connect: Connect) -> None:
    assert connect.password is not None
    header = ConnectVariableHeader(keep_alive=connect.keep_alive)
    header.clean_session_flag = connect.clean_start
    header.username_flag = header.password_flag = True
    payload = ConnectPayload(connect.client_id, username=connect.username, password=connect.password.decode())
    if connect.will is not None:
        header.will_flag = True
        header.will_qos = connect.will.qos
        header.will_retain_flag = connect.will.retain
        payload.will_topic, payload.will_message = connect.will.topic, connect.will.payload
    packet = ConnectPacket(variable_header=header, payload=payload)
    assert read(bytes(packet.to_bytes())) == connect


@given(connects(5, ASCII))
def test_what_gmqtt_writes_is_read_as_it_was_meant(connect: Connect) -> None:
    """Plain ASCII, because it counts characters where it should count bytes."""
    assert connect.password is not None
    will = connect.will
    packet = LoginPackageFactor.build_package(
        connect.client_id,
        connect.username,
        connect.password.decode(),
        connect.clean_start,
        connect.keep_alive,
        SimpleNamespace(proto_name=b"MQTT", proto_ver=5),
        will_message=will
        and Message(will.topic, will.payload, will.qos, will.retain, message_expiry_interval=5, content_type="text"),
        session_expiry_interval=connect.session_expiry,
        receive_maximum=connect.receive_maximum,
        maximum_packet_size=connect.maximum_packet_size,
        topic_alias_maximum=connect.topic_alias_maximum,
        request_response_info=int(connect.request_response_information),
        request_problem_info=int(connect.request_problem_information),
        user_property=list(connect.user_properties),
    )
    if will is not None:
        will = replace(will, properties=PublishProperties(message_expiry=5, content_type="text"))
    assert read(bytes(packet)) == replace(connect, will=will)
