"""The routes file before Hono's grammar, and what holds for any message whatever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.model import Identity, PublishHeader, PublishProperties, RecordTemplate, Refusal
from adapter.reasons import PUBACK_CODE, Reason
from adapter.routing.config import RoutingConfig
from adapter.routing.kafka_names import topic_problem
from adapter.routing.record import RESERVED
from adapter.routing.router import Router
from adapter.routing.routes_file import parse_routes

DEVICE = Identity("c1", "sensor1@plant", "plant", "sensor1")
GATEWAY = Identity("c2", "gw@plant", "plant", "gw", gateway=True)

ROUTES = parse_routes(
    """
    [[route]]
    mqtt = "telemetry/special/{x}"
    kafka_topic = "special.{x}"
    key = "{client_id}"
    [[route]]
    mqtt = "own/{tenant}/{device}/#"
    kafka_topic = "{tenant}"
    key = "{device}"
    headers = { mine = "{topic}" }
    [[route]]
    mqtt = "any/#"
    kafka_topic = "{topic}"
    key = "{username}"
    [[route]]
    mqtt = "{x}/+"
    kafka_topic = "{x}"
    key = "{x}"
    """,
    "routes.toml",
    RoutingConfig(),
)


def test_routes_of_the_file_go_before_honos_grammar() -> None:
    router = Router(RoutingConfig(), ROUTES)
    result = router.route(DEVICE, PublishHeader("telemetry/special/a", 1))
    assert isinstance(result, RecordTemplate)
    assert (result.topic, result.route) == ("special.a", "telemetry/special/{x}")


def test_what_no_route_of_the_file_takes_goes_to_honos_grammar() -> None:
    result = Router(RoutingConfig(), ROUTES).route(DEVICE, PublishHeader("telemetry/plant/sensor1", 1))
    assert isinstance(result, RecordTemplate)
    assert (result.topic, result.route) == ("hono.telemetry.plant", "telemetry")


def test_a_refusal_by_a_route_that_matches_is_final() -> None:
    result = Router(RoutingConfig(), ROUTES).route(DEVICE, PublishHeader("telemetry/special/a b", 1))
    assert isinstance(result, Refusal)
    assert result.text.startswith("route 'telemetry/special/{x}'")


def test_a_topic_that_nothing_takes_is_told_what_to_do() -> None:
    assert Router(RoutingConfig()).route(DEVICE, PublishHeader("a/b/c", 1)) == Refusal(
        Reason.BAD_TOPIC, "no route takes the topic 'a/b/c': publish to telemetry/… or event/…"
    )


@pytest.mark.parametrize("topic", ["telemetry/plant/\udcff", "any/\udcff", "\udcff/x", "\udcff"])
def test_lone_surrogates_refuse_the_message(topic: str) -> None:
    result = Router(RoutingConfig(auth_required=False), ROUTES).route(DEVICE, PublishHeader(topic, 1))
    assert isinstance(result, Refusal)
    assert result.reason is Reason.BAD_TOPIC


# Mostly pieces that mean something, so that random topics get past the first check.
WORDS = ["telemetry", "t", "event", "e", "plant", "office", "sensor1", "sensor2", "gw", "own", "any", "special", "$SYS"]
MARKS = ["", "..", "/", "/", "/", "/", "/?", "?", "&", "=", "%", "%00", "%2F"]
PIECES = st.sampled_from([*WORDS, *MARKS, "content-type", "hono-ttl", "10", "hono.event.office"])
TOPICS = st.one_of(
    st.text(),
    st.lists(PIECES, max_size=8).map("".join),
    st.lists(PIECES, max_size=5).map("/".join),
    st.builds(
        "{}/{}/{}".format,
        st.sampled_from(["telemetry", "t", "event", "e", "own"]),
        st.sampled_from(["", "plant", "office"]) | st.text(),
        st.sampled_from(["", "sensor1", "sensor2", "gw"]) | st.text(),
    ),
)
NAMES = st.sampled_from(sorted(RESERVED)) | st.text(max_size=5)
PROPERTIES = st.builds(
    PublishProperties,
    payload_format=st.none() | st.integers(0, 1),
    message_expiry=st.none() | st.integers(0, 0xFFFFFFFF),
    content_type=st.none() | st.text(max_size=5),
    response_topic=st.none() | st.text(max_size=5),
    correlation_data=st.none() | st.binary(max_size=5),
    user_properties=st.lists(st.tuples(NAMES, st.text(max_size=5)), max_size=4).map(tuple),
)
HEADERS = st.builds(PublishHeader, TOPICS, st.integers(0, 2), st.booleans(), PROPERTIES)
TEXTS = st.none() | st.sampled_from(["plant", "office", "sensor1"]) | st.text(max_size=5)
IDENTITIES = st.one_of(
    st.sampled_from([DEVICE, GATEWAY]), st.builds(Identity, st.text(max_size=5), TEXTS, TEXTS, TEXTS, st.booleans())
)
ROUTERS = {
    (auth_required, with_file): Router(RoutingConfig(auth_required=auth_required), ROUTES if with_file else ())
    for auth_required in (True, False)
    for with_file in (True, False)
}


@given(st.sampled_from(list(ROUTERS.values())), IDENTITIES, HEADERS)
def test_any_message_of_anyone_gives_a_record_with_a_legal_topic_or_a_refusal_and_nothing_else(
    router: Router, identity: Identity, header: PublishHeader
) -> None:
    result = router.route(identity, header)
    if isinstance(result, Refusal):
        assert result.reason in PUBACK_CODE
        assert result.text
        assert len(result.text) < 600
    else:
        assert topic_problem(result.topic) is None
        assert isinstance(result.key, bytes)
        assert {type(value) for _, value in result.headers} == {bytes}


@given(st.sampled_from(list(ROUTERS.values())), IDENTITIES, HEADERS)
def test_each_name_of_the_contract_stands_at_most_once_in_any_record(
    router: Router, identity: Identity, header: PublishHeader
) -> None:
    result = router.route(identity, header)
    if isinstance(result, RecordTemplate):
        names = [name for name, _ in result.headers if name in RESERVED]
        assert len(names) == len(set(names))
        assert {"content-type", "orig_adapter", "orig_address", "qos"} <= set(names)
        assert dict(result.headers)["orig_address"] == header.topic.encode()


@given(HEADERS)
def test_no_message_of_an_authenticated_device_gets_to_another_tenant_or_device(header: PublishHeader) -> None:
    result = ROUTERS[True, False].route(DEVICE, header)
    if isinstance(result, RecordTemplate):
        assert result.topic in {"hono.telemetry.plant", "hono.event.plant"}
        assert result.key == b"sensor1"
        assert dict(result.headers)["device_id"] == b"sensor1"
        assert "via" not in dict(result.headers)


@given(HEADERS)
def test_no_message_of_a_gateway_gets_to_another_tenant_and_it_is_always_named(header: PublishHeader) -> None:
    result = ROUTERS[True, False].route(GATEWAY, header)
    if isinstance(result, RecordTemplate):
        assert result.topic in {"hono.telemetry.plant", "hono.event.plant"}
        assert result.key is not None
        assert dict(result.headers)["device_id"] == result.key
        assert (dict(result.headers).get("via") == b"gw") == (result.key != b"gw")


@given(st.sampled_from([DEVICE, GATEWAY]), HEADERS)
def test_no_route_of_the_file_lets_an_authenticated_device_into_the_hono_topics_of_another_tenant(
    identity: Identity, header: PublishHeader
) -> None:
    result = ROUTERS[True, True].route(identity, header)
    if isinstance(result, RecordTemplate) and result.topic.startswith(("hono.telemetry.", "hono.event.")):
        assert result.topic in {"hono.telemetry.plant", "hono.event.plant"}


@given(IDENTITIES, HEADERS)
def test_the_same_message_gets_the_same_answer_every_time(identity: Identity, header: PublishHeader) -> None:
    router = ROUTERS[True, True]
    assert router.route(identity, header) == router.route(identity, header)
