"""Hono's grammar of topics: a table of topics with the records they make, or why they make none."""

import pytest

from adapter.model import EmptyPayload, Identity, PublishHeader, PublishProperties, RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.routing.config import RoutingConfig
from adapter.routing.hono import EMPTY_NOTIFICATION, HonoGrammar

DEVICE = Identity("c1", "sensor1@plant", "plant", "sensor1")
GATEWAY = Identity("c2", "gw@plant", "plant", "gw", gateway=True)
NOBODY = Identity("c3")

CHECKED = HonoGrammar(RoutingConfig())
OPEN = HonoGrammar(RoutingConfig(auth_required=False))


def outcome(grammar: HonoGrammar, identity: Identity, topic: str, qos: int = 1) -> tuple[str, str] | Reason:
    """Kafka topic and key of the record, or the reason of the refusal."""
    result = grammar.route(identity, PublishHeader(topic, qos))
    if isinstance(result, Refusal):
        return result.reason
    assert result.key is not None
    return result.topic, result.key.decode()


TELEMETRY = ("hono.telemetry.plant", "sensor1")
EVENT = ("hono.event.plant", "sensor1")


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("telemetry", TELEMETRY),
        ("t", TELEMETRY),
        ("event", EVENT),
        ("e", EVENT),
        ("telemetry/plant/sensor1", TELEMETRY),
        ("t/plant/sensor1", TELEMETRY),
        ("event/plant/sensor1", EVENT),
        ("e/plant/sensor1", EVENT),
        ("telemetry//sensor1", TELEMETRY),
        ("t/?", TELEMETRY),
        ("e//sensor1/?hono-ttl=10", EVENT),
        ("telemetry/plant/sensor1/?hono-ttl=never", TELEMETRY),  # telemetry has no hono-ttl
        ("telemetry/plant/sensor2", Reason.NOT_AUTHORIZED),
        ("telemetry//sensor2", Reason.NOT_AUTHORIZED),
        ("telemetry/office/sensor1", Reason.NOT_AUTHORIZED),
        ("event/office/sensor2", Reason.NOT_AUTHORIZED),
        ("", Reason.BAD_TOPIC),
        ("/", Reason.BAD_TOPIC),
        ("/telemetry", Reason.BAD_TOPIC),
        ("Telemetry", Reason.BAD_TOPIC),
        ("telemetrY/plant/sensor1", Reason.BAD_TOPIC),
        ("telemetry?a=b", Reason.BAD_TOPIC),
        ("/?content-type=a", Reason.BAD_TOPIC),
        ("sensor1/temperature", Reason.BAD_TOPIC),
        ("$SYS/telemetry", Reason.BAD_TOPIC),
        ("command/plant/sensor1/res/1/200", Reason.BAD_TOPIC),
        ("telemetry/", Reason.BAD_TOPIC),
        ("telemetry//", Reason.BAD_TOPIC),
        ("telemetry/plant", Reason.BAD_TOPIC),
        ("telemetry/plant/", Reason.BAD_TOPIC),
        ("telemetry/plant/sensor1/", Reason.BAD_TOPIC),
        ("telemetry/plant/sensor1/more", Reason.BAD_TOPIC),
        ("telemetry/plant/sensor1/?a=b/?c=d", Reason.BAD_TOPIC),
        ("telemetry/?a=%", Reason.BAD_TOPIC),
    ],
)
def test_an_authenticated_device_publishes_for_itself_only(topic: str, expected: tuple[str, str] | Reason) -> None:
    assert outcome(CHECKED, DEVICE, topic) == expected


@pytest.mark.parametrize(
    ("topic", "expected", "via"),
    [
        ("telemetry", ("hono.telemetry.plant", "gw"), None),
        ("telemetry//gw", ("hono.telemetry.plant", "gw"), None),
        ("telemetry//sensor2", ("hono.telemetry.plant", "sensor2"), b"gw"),
        ("e/plant/sensor2", ("hono.event.plant", "sensor2"), b"gw"),
        ("t/plant/../", Reason.BAD_TOPIC, None),
        ("t/plant/\x07", Reason.BAD_TOPIC, None),
        ("e/office/sensor2", Reason.NOT_AUTHORIZED, None),
    ],
)
def test_a_gateway_publishes_for_the_devices_of_its_tenant_and_is_named(
    topic: str, expected: tuple[str, str] | Reason, via: bytes | None
) -> None:
    assert outcome(CHECKED, GATEWAY, topic) == expected
    result = CHECKED.route(GATEWAY, PublishHeader(topic, 1))
    assert (dict(result.headers).get("via") if isinstance(result, RecordTemplate) else None) == via


@pytest.mark.parametrize("topic", ["telemetry", "telemetry/plant/sensor1", "telemetry//sensor1"])
@pytest.mark.parametrize(
    "identity", [NOBODY, Identity("c", "bob"), Identity("c", "@t", "t", ""), Identity("c", "x@", "", "x")]
)
def test_where_authentication_is_required_credentials_must_name_a_device(identity: Identity, topic: str) -> None:
    assert CHECKED.route(identity, PublishHeader(topic, 1)) == Refusal(
        Reason.NOT_AUTHORIZED, "the credentials name no device: the user name must be of the form {auth-id}@{tenant}"
    )


@pytest.mark.parametrize(
    ("identity", "topic", "expected"),
    [
        (NOBODY, "telemetry/plant/sensor1", TELEMETRY),
        (NOBODY, "e/plant/sensor1", EVENT),
        (NOBODY, "telemetry/plänt/sensor1", Reason.BAD_TOPIC),
        (NOBODY, "telemetry/../sensor1", ("hono.telemetry...", "sensor1")),
        (NOBODY, "telemetry/plant/温度 1", ("hono.telemetry.plant", "温度 1")),
        (NOBODY, "telemetry/plant/a\nb", Reason.BAD_TOPIC),
        (NOBODY, "telemetry/" + "x" * 234 + "/sensor1", ("hono.telemetry." + "x" * 234, "sensor1")),
        (NOBODY, "telemetry/" + "x" * 235 + "/sensor1", Reason.BAD_TOPIC),
        (DEVICE, "telemetry/office/sensor2", ("hono.telemetry.office", "sensor2")),
        (DEVICE, "telemetry", TELEMETRY),
        (DEVICE, "telemetry//sensor2", ("hono.telemetry.plant", "sensor2")),
    ],
)
def test_without_authentication_the_topic_decides_and_a_user_name_fills_what_it_leaves_open(
    identity: Identity, topic: str, expected: tuple[str, str] | Reason
) -> None:
    assert outcome(OPEN, identity, topic) == expected


@pytest.mark.parametrize("topic", ["telemetry", "telemetry//sensor1"])
def test_without_authentication_a_topic_that_names_nobody_is_told_what_to_publish_to(topic: str) -> None:
    assert OPEN.route(NOBODY, PublishHeader(topic, 1)) == Refusal(
        Reason.BAD_TOPIC, f"'{topic}' does not say whose it is: publish to telemetry/{{tenant}}/{{device}}"
    )


def test_without_authentication_nobody_is_called_a_gateway() -> None:
    result = OPEN.route(GATEWAY, PublishHeader("telemetry/plant/sensor1", 1))
    assert isinstance(result, RecordTemplate)
    assert "via" not in dict(result.headers)


@pytest.mark.parametrize("topic", ["event", "e/plant/sensor1"])
def test_an_event_needs_qos_1_or_2(topic: str) -> None:
    assert outcome(CHECKED, DEVICE, topic, qos=0) == Reason.EVENT_QOS_0
    assert outcome(CHECKED, DEVICE, topic, qos=1) == EVENT
    assert outcome(CHECKED, DEVICE, topic, qos=2) == EVENT


def test_telemetry_may_be_sent_with_qos_0() -> None:
    assert outcome(CHECKED, DEVICE, "telemetry", qos=0) == TELEMETRY


def test_the_whole_record_of_an_event_with_a_property_bag() -> None:
    topic = "event/plant/sensor1/?content-type=text%2Fplain&hono-ttl=10&mine=1"
    assert CHECKED.route(DEVICE, PublishHeader(topic, 1, retain=True)) == RecordTemplate(
        topic="hono.event.plant",
        key=b"sensor1",
        headers=(
            ("content-type", b"text/plain"),
            ("device_id", b"sensor1"),
            ("orig_adapter", b"hono-mqtt"),
            ("orig_address", topic.encode()),
            ("qos", b"1"),
            ("ttl", b"10000"),
            ("x-opt-retain", b"true"),
        ),
        route="event",
        delivery=None,
    )


@pytest.mark.parametrize(
    ("topic", "content_type", "expected"),
    [
        ("telemetry", None, EmptyPayload.REFUSED),
        ("telemetry/?content-type=", None, EmptyPayload.REFUSED),
        ("telemetry/?content-type=a/b", None, EmptyPayload.ALLOWED),
        ("telemetry", "a/b", EmptyPayload.ALLOWED),
        ("telemetry", "", EmptyPayload.REFUSED),
        ("telemetry", EMPTY_NOTIFICATION, EmptyPayload.REQUIRED),
        (f"e/?content-type={EMPTY_NOTIFICATION}", None, EmptyPayload.REQUIRED),
        (f"e/?content-type={EMPTY_NOTIFICATION}", "a/b", EmptyPayload.ALLOWED),
        (f"e/?content-type={EMPTY_NOTIFICATION.upper()}", None, EmptyPayload.ALLOWED),
    ],
)
def test_an_empty_payload_needs_a_content_type_and_that_of_an_empty_notification_needs_an_empty_payload(
    topic: str, content_type: str | None, expected: EmptyPayload
) -> None:
    result = CHECKED.route(DEVICE, PublishHeader(topic, 1, properties=PublishProperties(content_type=content_type)))
    assert isinstance(result, RecordTemplate)
    assert result.empty_payload is expected


def test_a_message_expires_after_its_own_interval_and_not_for_the_ttl_of_its_property_bag() -> None:
    own = CHECKED.route(DEVICE, PublishHeader("e", 1, properties=PublishProperties(message_expiry=7)))
    bag = CHECKED.route(DEVICE, PublishHeader("e/?hono-ttl=7", 1))
    assert isinstance(own, RecordTemplate)
    assert isinstance(bag, RecordTemplate)
    assert dict(own.headers)["ttl"] == dict(bag.headers)["ttl"] == b"7000"
    assert (own.expiry, bag.expiry) == (7, None)


@pytest.mark.parametrize(("hono_ttl", "ttl"), [("never", None), ("-1", None), ("99999999999", b"4294967295000")])
def test_a_time_to_live_that_is_none_is_ignored_and_one_that_is_too_long_is_cut(
    hono_ttl: str, ttl: bytes | None
) -> None:
    result = CHECKED.route(DEVICE, PublishHeader(f"event/?hono-ttl={hono_ttl}", 1))
    assert isinstance(result, RecordTemplate)
    assert dict(result.headers).get("ttl") == ttl


def test_kafka_topics_and_the_name_of_the_adapter_are_settings() -> None:
    config = RoutingConfig("{tenant}.up", "{tenant}.events-1", "my-adapter")
    result = HonoGrammar(config).route(DEVICE, PublishHeader("e", 1))
    assert isinstance(result, RecordTemplate)
    assert result.topic == "plant.events-1"
    assert dict(result.headers)["orig_adapter"] == b"my-adapter"


def test_a_refusal_says_what_is_wrong_in_words_that_fit_a_reason_string() -> None:
    assert OPEN.route(NOBODY, PublishHeader("telemetry/a b/sensor1", 1)) == Refusal(
        Reason.BAD_TOPIC,
        "tenant 'a b': its Kafka topic 'hono.telemetry.a b' has the character ' ', Kafka allows a-z A-Z 0-9 . _ -",
    )
    long = OPEN.route(NOBODY, PublishHeader("telemetry/" + "é" * 30_000 + "/sensor1", 1))
    assert isinstance(long, Refusal)
    assert len(long.text.encode()) < 400
