"""What the operator's routes make of a message."""

import pytest

from adapter.model import Delivery, Identity, PublishHeader, PublishProperties, RecordTemplate, Refusal
from adapter.reasons import Reason
from adapter.routing.config import RoutingConfig
from adapter.routing.file_routes import FileRoutes
from adapter.routing.routes_file import parse_routes

DEVICE = Identity("c1", "press7@plant", "plant", "press7")
GATEWAY = Identity("c2", "gw@plant", "plant", "gw", gateway=True)
USER = Identity("c3", "bob")
NOBODY = Identity("c4")

NOT_AUTHORIZED = Reason.NOT_AUTHORIZED
BAD_TOPIC = Reason.BAD_TOPIC


def routes(text: str, *, auth_required: bool = True) -> FileRoutes:
    """Make the routes of a file with this text."""
    config = RoutingConfig(auth_required=auth_required)
    return FileRoutes(config, parse_routes(text, "routes.toml", config))


def one(mqtt: str, kafka_topic: str, key: str, *, auth_required: bool = True) -> FileRoutes:
    """Make a file with one route."""
    return routes(
        f'[[route]]\nmqtt = "{mqtt}"\nkafka_topic = "{kafka_topic}"\nkey = "{key}"', auth_required=auth_required
    )


def record(result: RecordTemplate | Refusal | None) -> RecordTemplate:
    """Take the result, which must be a record."""
    assert isinstance(result, RecordTemplate)
    return result


def reason(result: RecordTemplate | Refusal | None) -> Reason:
    """Take the reason of the result, which must be a refusal."""
    assert isinstance(result, Refusal)
    return result.reason


def test_the_whole_record_of_a_route() -> None:
    file_routes = routes(
        """
        [[route]]
        name = "plant"
        mqtt = "plant/{site}/+/{device}/#"
        kafka_topic = "plant.{site}"
        key = "{site}/{device}"
        headers = { site = "{site}", who = "{username} as {client_id}", where = "{topic}", braces = "{{}}" }
        content_type = "application/json"
        delivery = "at_most_once"
        """
    )
    properties = PublishProperties(message_expiry=60, user_properties=(("site", "forged"), ("line", "1")))
    header = PublishHeader("plant/berlin/line1/press7/temp", 0, retain=True, properties=properties)
    assert file_routes.route(USER, header) == RecordTemplate(
        topic="plant.berlin",
        key=b"berlin/press7",
        headers=(
            ("content-type", b"application/json"),
            ("device_id", b"press7"),
            ("orig_adapter", b"hono-mqtt"),
            ("orig_address", b"plant/berlin/line1/press7/temp"),
            ("qos", b"0"),
            ("ttl", b"60000"),
            ("x-opt-retain", b"true"),
            ("site", b"berlin"),
            ("who", b"bob as c3"),
            ("where", b"plant/berlin/line1/press7/temp"),
            ("braces", b"{}"),
            ("line", b"1"),
        ),
        route="plant",
        delivery=Delivery.AT_MOST_ONCE,
        expiry=60,
    )


def test_the_first_route_that_matches_takes_the_message() -> None:
    file_routes = routes(
        """
        [[route]]
        mqtt = "a/b"
        kafka_topic = "first"
        key = "k"
        [[route]]
        mqtt = "a/+"
        kafka_topic = "second"
        key = "k"
        """
    )
    assert record(file_routes.route(USER, PublishHeader("a/b", 1))).topic == "first"
    assert record(file_routes.route(USER, PublishHeader("a/c", 1))).topic == "second"
    assert file_routes.route(USER, PublishHeader("b", 1)) is None


def test_the_content_type_of_the_message_goes_before_that_of_the_route() -> None:
    file_routes = routes('[[route]]\nmqtt = "a"\nkafka_topic = "x"\nkey = "k"\ncontent_type = "a/b"')
    publish = PublishHeader("a", 1, properties=PublishProperties(content_type="c/d"))
    assert record(file_routes.route(USER, publish)).headers[0] == ("content-type", b"c/d")


def test_a_route_has_no_property_bag() -> None:
    result = record(one("a/#", "x", "{topic}").route(USER, PublishHeader("a/?content-type=b", 1)))
    assert result.key == b"a/?content-type=b"
    assert result.headers[0] == ("content-type", b"application/octet-stream")


@pytest.mark.parametrize(
    ("captured", "problem"),
    [
        ("..", "is not a topic name"),
        ("a b", "has the character ' ', Kafka allows a-z A-Z 0-9 . _ -"),
        ("x" * 250, "has 250 characters, Kafka allows 249"),
        ("__consumer_offsets", "is one of Kafka's internal topics"),
    ],
)
def test_a_name_that_only_the_message_makes_illegal_refuses_the_message(captured: str, problem: str) -> None:
    result = one("a/{b}", "{b}", "k").route(USER, PublishHeader(f"a/{captured}", 1))
    assert isinstance(result, Refusal)
    assert result.reason is BAD_TOPIC
    assert result.text.startswith("route 'a/{b}': Kafka topic '")
    assert result.text.endswith(problem)


def test_a_slash_of_the_topic_cannot_get_into_a_kafka_topic() -> None:
    assert reason(one("a/#", "{topic}", "k").route(USER, PublishHeader("a/b", 1))) is BAD_TOPIC
    assert record(one("a/#", "{topic}", "k").route(USER, PublishHeader("a", 1))).topic == "a"


@pytest.mark.parametrize("identity", [NOBODY, Identity("c", "")])
def test_a_route_with_the_user_name_refuses_those_without(identity: Identity) -> None:
    file_routes = one("a", "x", "{username}", auth_required=False)
    assert file_routes.route(identity, PublishHeader("a", 1)) == Refusal(
        NOT_AUTHORIZED, "route 'a' is for connections with a user name"
    )
    assert record(file_routes.route(USER, PublishHeader("a", 1))).key == b"bob"


@pytest.mark.parametrize(
    ("identity", "auth_required", "topic", "device_id", "via"),
    [
        (DEVICE, True, "d/press7", b"press7", None),
        (GATEWAY, True, "d/press7", b"press7", b"gw"),
        (USER, True, "d/press7", b"press7", None),
        (NOBODY, False, "d/press7", b"press7", None),
        (DEVICE, False, "d/other", b"other", None),
        (DEVICE, True, "x", b"press7", None),
        (USER, True, "x", None, None),
        (DEVICE, False, "x", None, None),
    ],
)
def test_device_id_is_the_capture_else_who_was_authenticated_else_left_out(
    identity: Identity,
    auth_required: bool,  # noqa: FBT001 - a table's column
    topic: str,
    device_id: bytes | None,
    via: bytes | None,
) -> None:
    file_routes = routes(
        """
        [[route]]
        mqtt = "d/{device}"
        kafka_topic = "x"
        key = "{device}"
        [[route]]
        mqtt = "x"
        kafka_topic = "x"
        key = "{client_id}"
        """,
        auth_required=auth_required,
    )
    headers = dict(record(file_routes.route(identity, PublishHeader(topic, 1))).headers)
    assert (headers.get("device_id"), headers.get("via")) == (device_id, via)


@pytest.mark.parametrize(
    ("identity", "topic", "expected"),
    [
        (DEVICE, "v1/plant/press7", "plant"),
        (DEVICE, "v1/plant/press8", NOT_AUTHORIZED),
        (DEVICE, "v1/office/press7", NOT_AUTHORIZED),
        (GATEWAY, "v1/plant/press8", "plant"),
        (GATEWAY, "v1/office/press8", NOT_AUTHORIZED),
        (USER, "v1/plant/press7", NOT_AUTHORIZED),
        (NOBODY, "v1/plant/press7", NOT_AUTHORIZED),
    ],
)
def test_captured_tenant_and_device_are_checked_like_those_of_honos_topics(
    identity: Identity, topic: str, expected: str | Reason
) -> None:
    result = one("v1/{tenant}/{device}", "hono.telemetry.{tenant}", "{device}").route(identity, PublishHeader(topic, 1))
    if isinstance(expected, Reason):
        assert reason(result) is expected
    else:
        assert record(result).topic == f"hono.telemetry.{expected}"


def test_a_device_with_control_characters_is_refused() -> None:
    assert reason(one("d/{device}", "x", "k").route(USER, PublishHeader("d/a\x1bb", 1))) is BAD_TOPIC


@pytest.mark.parametrize(
    "captured",
    [
        "hono.telemetry.office",
        "hono.event.office",
        "hono.event.",
        "hono.command.office",
        "hono.command_response.office",
        "hono.command_internal.adapter-1",
    ],
)
def test_what_a_device_writes_into_its_topic_leads_it_into_no_topic_of_honos(captured: str) -> None:
    result = one("a/{b}", "{b}", "k").route(USER, PublishHeader(f"a/{captured}", 1))
    assert result == Refusal(
        BAD_TOPIC,
        f"route 'a/{{b}}': Kafka topic {captured!r} is one of Hono's, and the route may not write to those",
    )
    pieces = one("a/{b}/{c}", "hono.{b}.{c}", "k")
    assert reason(pieces.route(USER, PublishHeader("a/event/office", 1))) is BAD_TOPIC
    assert record(pieces.route(USER, PublishHeader("a/other/office", 1))).topic == "hono.other.office"


@pytest.mark.parametrize("captured", ["other.telemetry", "garden.event", ".event"])
def test_a_pattern_that_begins_with_the_tenant_is_guarded_too(captured: str) -> None:
    config = RoutingConfig(telemetry_topic="{tenant}.telemetry", event_topic="{tenant}.event")
    text = '[[route]]\nmqtt = "p/{site}/{device}"\nkafka_topic = "{site}"\nkey = "{device}"'
    file_routes = FileRoutes(config, parse_routes(text, "routes.toml", config))
    device = Identity("c", "dev@garden", "garden", "dev")
    assert reason(file_routes.route(device, PublishHeader(f"p/{captured}/dev", 1))) is BAD_TOPIC
    assert record(file_routes.route(device, PublishHeader("p/other.telemetry1/dev", 1))).topic == "other.telemetry1"
    assert record(file_routes.route(device, PublishHeader("p/hono.command.x/dev", 1))).topic == "hono.command.x"


@pytest.mark.parametrize("identity", [DEVICE, GATEWAY, USER, NOBODY])
def test_an_operator_may_name_the_tenant_for_which_a_route_writes(identity: Identity) -> None:
    result = one("a/{device}", "hono.event.plant", "{device}").route(identity, PublishHeader("a/press7", 1))
    assert (record(result).topic, record(result).key) == ("hono.event.plant", b"press7")


def test_devices_of_another_tenant_than_the_one_that_a_route_names_are_refused() -> None:
    stranger = Identity("c", "press7@office", "office", "press7")
    route = ("a/{device}", "hono.event.plant", "{device}")
    assert one(*route).route(stranger, PublishHeader("a/press7", 1)) == Refusal(
        NOT_AUTHORIZED, "route 'a/{device}' is for tenant 'plant' only"
    )
    unverified = one(*route, auth_required=False)
    assert record(unverified.route(stranger, PublishHeader("a/press7", 1))).key == b"press7"
