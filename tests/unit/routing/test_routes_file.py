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

HONO = RoutingConfig()
EXAMPLE = Path(__file__).parents[3] / "config" / "routes.example.toml"


def problems(text: str) -> list[str]:
    """Give what is wrong with a file, without the place that each problem begins with."""
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text, "r.toml", HONO)
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
        HONO,
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
    (rule,) = parse_routes('[[route]]\nmqtt = "a/#"\nkafka_topic = "x"\nkey = "{topic}"', "r.toml", HONO)
    assert (rule.name, rule.headers, rule.content_type, rule.delivery) == ("a/#", (), None, None)


def test_a_file_without_routes_has_none() -> None:
    assert parse_routes("# nothing yet", "r.toml", HONO) == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('kye = "x"', "route 1: unknown key 'kye'; did you mean 'key'?"),
        (
            'zzz = "x"',
            "route 1: unknown key 'zzz'; there are name, mqtt, kafka_topic, key, headers, content_type, delivery",
        ),
        ("name = 1", "route 1: name: must be a text in quotes"),
        ('name = "a\\u001b"', "route 1: name: 'a\\x1b' has control characters; leave them out"),
        ('delivery = "exactly_once"', "route 1: delivery: 'exactly_once' must be at_least_once or at_most_once"),
        ("delivery = 1", "route 1: delivery: must be a text in quotes"),
        ('content_type = ""', "route 1: content_type: '' must be a media type, for example 'application/json'"),
        ('headers = "x"', 'route 1: headers: must be a table, for example { site = "{site}" }'),
        ("headers = { a = 1 }", "route 1: headers.a: must be a text in quotes"),
        (
            'headers = { a = "{" }',
            "route 1: headers.a: '{' has an unmatched brace; write {{ or }} for a literal brace",
        ),
        (
            'headers = { qos = "9" }',
            "route 1: headers.qos: this name is reserved for the adapter and for Hono; choose another one",
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


def test_a_filter_with_control_characters_needs_a_name_beside_it() -> None:
    route = '[[route]]\nmqtt = "a\\u0007"\nkafka_topic = "x"\nkey = "k"\n'
    assert problems(route) == ["route 1: mqtt: 'a\\x07' has control characters; give the route a name without"]
    (rule,) = parse_routes(f'{route}name = "bell"', "r.toml", HONO)
    assert rule.name == "bell"


def test_two_routes_cannot_have_the_same_name() -> None:
    route = '[[route]]\nname = "{}"\nmqtt = "{}"\nkafka_topic = "x"\nkey = "k"\n'
    text = route.format("one", "a") + route.format("two", "b") + route.format("one", "c")
    assert problems(text) == ["route 3: name: 'one' is the name of route 1 too; choose another one"]


@pytest.mark.parametrize("kafka_topic", ["hono.telemetry.{site}", "hono.event.{site}", "hono.event.x{tenant}"])
def test_a_route_into_honos_topics_has_the_tenant_in_its_place(kafka_topic: str) -> None:
    (problem,) = problems(
        f'[[route]]\nmqtt = "{{tenant}}/{{site}}/{{device}}"\nkafka_topic = "{kafka_topic}"\nkey = "{{device}}"'
    )
    assert problem.startswith(f"route 1: kafka_topic: '{kafka_topic}' is a topic of ADAPTER_KAFKA__")
    assert problem.endswith(".{tenant}', and capture {tenant} in mqtt")


@pytest.mark.parametrize("kafka_topic", ["hono.telemetry.{tenant}", "hono.event.garden"])
def test_a_route_into_honos_topics_has_the_device_as_its_key(kafka_topic: str) -> None:
    (problem,) = problems(
        f'[[route]]\nmqtt = "{{tenant}}/{{device}}"\nkafka_topic = "{kafka_topic}"\nkey = "{{client_id}}"'
    )
    assert problem.startswith(
        "route 1: key: '{client_id}' must be '{device}', because kafka_topic is a topic of ADAPTER_"
    )


def test_a_route_cannot_let_devices_write_commands() -> None:
    text = '[[route]]\nmqtt = "{{x}}/{{device}}"\nkafka_topic = "{}"\nkey = "{{device}}"'
    assert problems(text.format("hono.command.{x}")) == [
        "route 1: kafka_topic: 'hono.command.{x}' lets devices choose among Hono's topics for commands"
    ]
    own = RoutingConfig(telemetry_topic="up.{tenant}", event_topic="event.{tenant}")
    assert parse_routes(text.format("hono.command.{x}"), "r.toml", own)


def test_what_a_table_gets_wrong_does_not_hide_what_else_it_gets_wrong() -> None:
    assert problems(
        """
        [[route]]
        mqtt = "a/{b}"
        kafka_topic = "x/y"
        delivery = "never"
        headers = { qos = "{c}" }
        [[route]]
        mqtt = "a/+"
        key = ""
        """
    ) == [
        "route 1: key: is missing",
        "route 1: delivery: 'never' must be at_least_once or at_most_once",
        "route 1: headers.qos: {c} is unknown; there are {b}, {client_id}, {topic}, {username}",
        "route 1: kafka_topic: 'x/y' has the character '/', Kafka allows a-z A-Z 0-9 . _ -",
        "route 1: headers.qos: this name is reserved for the adapter and for Hono; choose another one",
        "route 2: kafka_topic: is missing",
        "route 2: key: is empty; the key keeps a device's records in order, for example {client_id}",
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
        "route 1: kafka_topic: '{' has an unmatched brace; write {{ or }} for a literal brace",
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
        parse_routes("[[route]]\nmqtt = a\n", "r.toml", HONO)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "routes.toml"
    with pytest.raises(ConfigurationError) as caught:
        load_routes(path, HONO)
    assert caught.value.problems == (f"ADAPTER_ROUTES_FILE: cannot read {path}: No such file or directory",)
    path.write_bytes(b"\xef\xbb\xbf# begins with a byte order mark")
    assert load_routes(path, HONO) == ()
    path.write_bytes(b"# \xff")
    with pytest.raises(ConfigurationError) as caught:
        load_routes(path, HONO)
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
        (rule,) = parse_routes(text, "r.toml", HONO)
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
    router = Router(HONO, load_routes(EXAMPLE, HONO))
    result = router.route(Identity("c1", "press7@acme", "acme", "press7"), PublishHeader(topic, 1))
    assert isinstance(result, RecordTemplate)
    assert (result.topic, result.key) == (kafka_topic, key)
