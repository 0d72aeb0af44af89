"""The routes file: every mistake is found at once, with its place and its fix."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.errors import ConfigurationError
from adapter.model import Delivery, Identity, PublishHeader, RecordTemplate
from adapter.routing.config import RoutingConfig
from adapter.routing.router import Router
from adapter.routing.routes_file import load_routes, parse_routes

EXAMPLE = Path(__file__).parents[3] / "config" / "routes.example.toml"


def problems(text: str) -> list[str]:
    """Give what is wrong with a file, without the place that each problem begins with."""
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text, "r.toml")
    place = "ADAPTER_ROUTES_FILE: r.toml: "
    assert all(problem.startswith(place) for problem in caught.value.problems)
    return [problem.removeprefix(place) for problem in caught.value.problems]


def test_a_route_with_all_keys() -> None:
    (rule,) = parse_routes(
        """
        [[route]]
        name = "plant"
        mqtt = "plant/{site}"
        kafka_topic = "plant.{site}"
        key = "{site}"
        content_type = "a/b"
        delivery = "at_most_once"
        [route.headers]
        h = "{site}"
        """,
        "r.toml",
    )
    assert (rule.name, rule.mqtt.source, rule.kafka_topic.source, rule.key.source, rule.content_type) == (
        "plant",
        "plant/{site}",
        "plant.{site}",
        "{site}",
        "a/b",
    )
    assert [(name, template.source) for name, template in rule.headers] == [("h", "{site}")]
    assert rule.delivery is Delivery.AT_MOST_ONCE


def test_a_route_without_a_name_is_called_by_its_filter_and_leaves_the_rest_to_the_general_settings() -> None:
    (rule,) = parse_routes('[[route]]\nmqtt = "a/#"\nkafka_topic = "x"\nkey = "{topic}"', "r.toml")
    assert (rule.name, rule.headers, rule.content_type, rule.delivery) == ("a/#", (), None, None)


def test_a_file_without_routes_has_none() -> None:
    assert parse_routes("# nothing yet", "r.toml") == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('kye = "x"', "route 1: unknown key 'kye'; did you mean 'key'?"),
        (
            'zzz = "x"',
            "route 1: unknown key 'zzz'; there are name, mqtt, kafka_topic, key, headers, content_type, delivery",
        ),
        ("name = 1", "route 1: name: must be a text in quotes"),
        ('delivery = "exactly_once"', "route 1: delivery: 'exactly_once' must be at_least_once or at_most_once"),
        ("delivery = 1", "route 1: delivery: must be a text in quotes"),
        ('content_type = ""', "route 1: content_type: '' must be a media type, for example 'application/json'"),
        ('headers = "x"', 'route 1: headers: must be a table, for example { site = "{site}" }'),
        ("headers = { a = 1 }", "route 1: headers.a: must be a text in quotes"),
        (
            'headers = { a = "{" }',
            "route 1: headers.a: '{' has a brace without its partner; write {{ or }} for a brace itself",
        ),
        (
            'headers = { qos = "9" }',
            "route 1: headers.qos: the adapter writes this header itself; choose another name",
        ),
        (
            'headers = { a = "{b}" }',
            "route 1: headers.a: {b} is unknown; there are {client_id}, {topic}, {username}",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_fix(line: str, problem: str) -> None:
    assert problems(f'[[route]]\nmqtt = "a"\nkafka_topic = "x"\nkey = "k"\n{line}') == [problem]


def test_a_bad_filter_is_told() -> None:
    assert problems('[[route]]\nmqtt = "a/#/b"\nkafka_topic = "x"\nkey = "k"') == [
        "route 1: mqtt: 'a/#/b' has a # before its last level"
    ]


def test_all_problems_of_a_file_are_told_at_once() -> None:
    assert problems(
        """
        rotue = 1
        [[route]]
        mqtt = 7
        kafka_topic = "{"
        [[route]]
        mqtt = "#"
        kafka_topic = "x/y"
        key = "k"
        [[route]]
        delivery = "x"
        """
    ) == [
        "unknown key 'rotue'; did you mean 'route'?",
        "route 1: key: is missing",
        "route 1: mqtt: must be a text in quotes",
        "route 1: kafka_topic: '{' has a brace without its partner; write {{ or }} for a brace itself",
        "route 2: kafka_topic: 'x/y' has the character '/', Kafka allows a-z A-Z 0-9 . _ -",
        "route 3: mqtt: is missing",
        "route 3: kafka_topic: is missing",
        "route 3: key: is missing",
        "route 3: delivery: 'x' must be at_least_once or at_most_once",
    ]


def test_a_route_that_can_get_no_message_is_told() -> None:
    route = '[[route]]\nmqtt = "{}"\nkafka_topic = "x"\nkey = "k"\n'
    assert problems(route.format("$SYS/x") + route.format("#") + route.format("a/+")) == [
        "route 3: gets no message, because route 2 (#) takes all of a/+; put it before that one, or remove it"
    ]


@pytest.mark.parametrize("text", ["route = 1", "[route]\nmqtt = 'a'", "route = [1]"])
def test_routes_must_be_tables(text: str) -> None:
    assert problems(text) == ["`route` must be tables: begin each route with a line [[route]]"]


def test_what_is_not_toml_is_told_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"ADAPTER_ROUTES_FILE: r.toml is not TOML: .*line 2"):
        parse_routes("[[route]]\nmqtt = a\n", "r.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    with pytest.raises(ConfigurationError) as caught:
        load_routes(path)
    assert caught.value.problems == (f"ADAPTER_ROUTES_FILE: cannot read {path}: No such file or directory",)
    path.write_bytes(b"# \xff")
    with pytest.raises(ConfigurationError) as caught:
        load_routes(path)
    assert caught.value.problems == (f"ADAPTER_ROUTES_FILE: {path} is not UTF-8 (byte 2); save it as UTF-8",)


@given(
    st.dictionaries(
        st.sampled_from(["name", "mqtt", "kafka_topic", "key", "headers", "content_type", "delivery", "other"]),
        st.one_of(
            st.sampled_from(
                ['"a"', '"{a}"', '"#"', '"+/{a}"', '"{"', '""', "1", "true", "[]", "{}", '{a = "{a}"}', "{a = 1}"]
            ),
        ),
    )
)
def test_any_table_gives_a_rule_or_a_configuration_error_and_nothing_else(table: dict[str, str]) -> None:
    text = "[[route]]\n" + "\n".join(f"{key} = {value}" for key, value in table.items())
    try:
        (rule,) = parse_routes(text, "r.toml")
    except ConfigurationError as error:
        problems = error.problems
    else:
        problems = ()
        assert rule.placeholders <= rule.mqtt.names | {"client_id", "username", "topic"}
    assert all(problem.startswith("ADAPTER_ROUTES_FILE: r.toml: route 1: ") for problem in problems)


@pytest.mark.parametrize(
    ("topic", "kafka_topic", "key"),
    [
        ("plant/berlin/line1/press7/temperature", "plant.berlin", b"press7"),
        ("vibration/press7", "vibration", b"press7"),
        ("v1/acme/press7/up", "hono.telemetry.acme", b"press7"),
        ("lab/any/thing", "lab", b"press7@acme"),
        ("telemetry", "hono.telemetry.acme", b"press7"),
    ],
)
def test_the_example_file_does_what_it_says(topic: str, kafka_topic: str, key: bytes) -> None:
    router = Router(RoutingConfig(), load_routes(EXAMPLE))
    result = router.route(Identity("c1", "press7@acme", "acme", "press7"), PublishHeader(topic, 1))
    assert isinstance(result, RecordTemplate)
    assert (result.topic, result.key) == (kafka_topic, key)
