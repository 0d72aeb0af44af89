"""The properties of a PUBLISH (5.0 section 3.3.2.3). `publish_flow.py` decodes the rest."""

from __future__ import annotations

from adapter.model import PublishProperties
from adapter.mqtt.packet_types import PacketType
from adapter.mqtt.primitives import Reader
from adapter.mqtt.properties import Properties, Property, decode_properties
from adapter.mqtt.topic_names import check_topic_name


def is_text(payload: bytes) -> bool:
    """Whether a payload is UTF-8, as a Payload Format Indicator of 1 says (5.0 section 3.3.2.3.2)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode_publish_properties(data: bytes) -> PublishProperties:
    """Decode the property list of a PUBLISH, without its length. Raises ProtocolError."""
    return of_message(decode_properties(Reader(data), PacketType.PUBLISH))


def of_message(properties: Properties) -> PublishProperties:
    """The properties of a message, from those of a PUBLISH or of a Will. Raises ProtocolError."""
    response_topic = properties.get(Property.RESPONSE_TOPIC)
    if response_topic is not None:
        check_topic_name(response_topic)
    return PublishProperties(
        payload_format=properties.get(Property.PAYLOAD_FORMAT_INDICATOR),
        message_expiry=properties.get(Property.MESSAGE_EXPIRY_INTERVAL),
        content_type=properties.get(Property.CONTENT_TYPE),
        response_topic=response_topic,
        correlation_data=properties.get(Property.CORRELATION_DATA),
        user_properties=properties.user,
        topic_alias=properties.get(Property.TOPIC_ALIAS),
    )
