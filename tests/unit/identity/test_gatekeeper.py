"""The adapter's rules around the plugins' answers, with amqtt's own plugins wherever there is one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amqtt.contexts import Action
from amqtt.session import Session

from adapter.errors import ConfigurationError
from adapter.identity.gatekeeper import Gatekeeper
from adapter.identity.passwd import password_entry
from adapter.model import Connect, Identity, Will
from adapter.peer import Peer
from adapter.reasons import ReasonCode
from tests.support.gate import ANONYMOUS, FILE, Lines, answer, config, connect, gatekeeper, let_in
from tests.support.plugins import HERE, Says, TopicSays

Plugins = Mapping[str, Mapping[str, Any]]

WRONG = ReasonCode.BAD_USER_NAME_OR_PASSWORD
NOT_AUTHORIZED = ReasonCode.NOT_AUTHORIZED
UNAVAILABLE = ReasonCode.SERVER_UNAVAILABLE
SENSOR = Identity("c1", "sensor1@demo", "demo", "sensor1")
GOOD = connect("sensor1@demo", "secret")
BAD = connect("sensor1@demo", "Secret")
STRANGER = connect("nobody@demo", "secret")
NAMELESS = connect()


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Plugins:
    path = tmp_path_factory.mktemp("identity") / "passwords"
    path.write_text(password_entry("sensor1@demo", "secret") + "\n" + password_entry("plain", "secret") + "\n")
    return {FILE: {"password_file": str(path)}}


async def test_a_password_file_lets_in_whom_it_knows(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file)) as gate:
        assert await answer(gate, GOOD) == SENSOR
        assert await answer(gate, BAD) == WRONG
        assert await answer(gate, STRANGER) == WRONG
        assert await answer(gate, connect("sensor1@demo")) == WRONG
        assert await answer(gate, NAMELESS) == NOT_AUTHORIZED


async def test_a_verified_name_outside_the_convention_names_no_device(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file)) as gate:
        assert await answer(gate, connect("plain", "secret")) == Identity("c1", "plain")


async def test_a_verified_gateway_is_known_as_one(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file, gateways=("sensor?@demo",))) as gate:
        assert await answer(gate, GOOD) == Identity("c1", "sensor1@demo", "demo", "sensor1", gateway=True)


async def test_the_example_password_file_lets_its_demo_device_in() -> None:
    async with gatekeeper(config({FILE: {"password_file": "config/passwords.example"}})) as gate:
        assert await answer(gate, connect("sensor1@demo", "demo-password")) == SENSOR
        assert await answer(gate, connect("sensor1@demo", "demo")) == WRONG


async def test_a_password_that_is_not_utf_8_is_refused(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file)) as gate:
        assert await answer(gate, connect("sensor1@demo", b"\xff")) == WRONG


async def test_a_name_that_only_the_anonymous_plugin_let_in_names_no_device() -> None:
    async with gatekeeper(config({ANONYMOUS: {}})) as gate:
        assert await answer(gate, NAMELESS) == Identity("c1")
        assert await answer(gate, BAD) == Identity("c1", "sensor1@demo")


async def test_a_name_that_the_anonymous_plugin_asks_for_is_not_verified_by_it() -> None:
    async with gatekeeper(config({ANONYMOUS: {"allow_anonymous": False}})) as gate:
        assert await answer(gate, NAMELESS) == NOT_AUTHORIZED
        assert await answer(gate, BAD) == Identity("c1", "sensor1@demo")


@pytest.mark.parametrize("order", [1, -1])
async def test_with_both_plugins_nobody_needs_a_name_and_a_name_needs_its_password(
    password_file: Plugins, order: int
) -> None:
    both = dict([*password_file.items(), (ANONYMOUS, {})][::order])
    async with gatekeeper(config(both)) as gate:
        assert await answer(gate, NAMELESS) == Identity("c1")
        assert await answer(gate, GOOD) == SENSOR
        assert await answer(gate, BAD) == WRONG
        assert await answer(gate, STRANGER) == WRONG


async def test_where_nothing_is_required_shown_credentials_are_still_checked(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file, required=False)) as gate:
        assert await answer(gate, NAMELESS) == Identity("c1")
        assert await answer(gate, GOOD) == SENSOR
        assert await answer(gate, BAD) == WRONG
        assert await answer(gate, connect(None, "token")) == WRONG


async def test_without_plugins_a_user_name_is_kept_and_names_no_device() -> None:
    async with gatekeeper(config({}, required=False)) as gate:
        assert await answer(gate, NAMELESS) == Identity("c1")
        assert await answer(gate, BAD) == Identity("c1", "sensor1@demo")
        assert gate.checks_topics is False
        assert await gate.may_publish(Identity("c1"), "telemetry") is True


@pytest.mark.parametrize("plugins", [{}, {f"{HERE}.TopicSays": {}}])
async def test_required_authentication_without_a_plugin_for_it_does_not_start(plugins: Plugins) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with gatekeeper(config(plugins)):
            pass
    for part in ("ADAPTER_AUTH__PLUGINS", "ADAPTER_AUTH__REQUIRED=false", FILE, "password_file"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (True, True, SENSOR),
        (True, None, SENSOR),
        (None, True, SENSOR),
        (True, False, WRONG),
        (False, True, WRONG),
        (None, False, WRONG),
        (None, None, WRONG),
    ],
)
async def test_one_plugin_must_say_yes_and_none_may_say_no(
    first: bool | None,  # noqa: FBT001 - a table
    second: bool | None,  # noqa: FBT001
    expected: Identity | ReasonCode,
) -> None:
    plugins = {f"{HERE}.Says": {"answer": first}, f"{HERE}.AlsoSays": {"answer": second}}
    async with gatekeeper(config(plugins)) as gate:
        assert await answer(gate, GOOD) == expected


@pytest.mark.parametrize("others", [[], ["Says"]])
@pytest.mark.parametrize("order", [1, -1])
async def test_a_plugin_that_raises_refuses_and_is_logged_without_the_password(others: list[str], order: int) -> None:
    plugins: Plugins = {f"{HERE}.{name}": {} for name in ["Raises", *others][::order]}
    log = Lines()
    async with gatekeeper(config(plugins), log) as gate:
        assert await answer(gate, GOOD) == UNAVAILABLE
    assert log.lines == [
        (
            "authentication plugin failed",
            {"client_id": "c1", "error": "Raises raised RuntimeError: no answer for /user?***"},
        )
    ]


async def test_a_plugin_is_told_all_that_the_connect_packet_says() -> None:
    Says.asked.clear()
    packet = Connect(
        5, "c1", clean_start=False, keep_alive=30, username="u", password=b"p", will=Will("t", b"gone", 1, retain=True)
    )
    async with gatekeeper(config({f"{HERE}.Says": {}})) as gate:
        await gate.authenticate(packet, Peer("192.0.2.7"))
    (session,) = Says.asked
    assert (session.client_id, session.username, session.password) == ("c1", "u", "p")
    assert (session.remote_address, session.clean_session, session.keep_alive) == ("192.0.2.7", False, 30)
    assert (session.will_flag, session.will_topic, session.will_message) == (True, "t", b"gone")
    assert (session.will_qos, session.will_retain) == (1, True)


@pytest.mark.parametrize(("said", "expected"), [(True, True), (False, False), (None, False)])
async def test_every_topic_plugin_must_say_yes(said: bool | None, expected: bool) -> None:  # noqa: FBT001 - a table
    TopicSays.asked.clear()
    plugins = {f"{HERE}.Says": {}, f"{HERE}.TopicSays": {"answer": said}}
    async with gatekeeper(config(plugins)) as gate:
        assert gate.checks_topics is True
        assert await gate.may_publish(let_in(SENSOR), "telemetry") is expected
    assert TopicSays.asked == [("c1", "sensor1@demo", "telemetry", Action.PUBLISH)]


async def test_a_topic_plugin_that_raises_cannot_say_and_is_logged_without_the_password() -> None:
    log = Lines()
    async with gatekeeper(config({f"{HERE}.TopicRaises": {}}, required=False), log) as gate:
        assert await gate.may_publish(let_in(SENSOR), "telemetry") is None
    assert log.lines == [
        (
            "authorisation plugin failed",
            {"client_id": "c1", "error": "TopicRaises raised RuntimeError: token '***' is over"},
        )
    ]


async def test_amqtts_access_control_list_decides_by_the_verified_user_name(password_file: Plugins) -> None:
    acl = {"amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {"publish_acl": {"sensor1@demo": ["t/#"]}}}
    async with gatekeeper(config({**password_file, **acl})) as gate:
        identity = await gate.authenticate(GOOD, Peer("192.0.2.7"))
        assert await gate.may_publish(identity, "t/demo/sensor1") is True
        assert await gate.may_publish(identity, "event") is False


async def test_a_user_name_that_nobody_verified_opens_no_topic() -> None:
    acl = {"amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {"publish_acl": {"sensor1@demo": ["t/#"]}}}
    async with gatekeeper(config({ANONYMOUS: {}, **acl})) as gate:
        identity = await gate.authenticate(BAD, Peer("192.0.2.7"))
        assert identity == Identity("c1")
        assert await gate.may_publish(identity, "t/demo/sensor1") is False


async def test_a_topic_plugin_finds_the_session_as_authentication_left_it() -> None:
    async with gatekeeper(config({f"{HERE}.Remembers": {}})) as gate:
        identity = await gate.authenticate(GOOD, Peer("192.0.2.7"))
        assert await gate.may_publish(identity, "telemetry") is True
        other = await gate.authenticate(connect("sensor1@demo", "secret", "c2"), Peer("192.0.2.7"))
        assert await gate.may_publish(replace(other, plugin_session=identity.plugin_session), "telemetry") is True
        assert await gate.may_publish(let_in(SENSOR), "telemetry") is False


async def test_no_session_is_kept_where_no_plugin_checks_topics(password_file: Plugins) -> None:
    async with gatekeeper(config(password_file)) as gate:
        assert (await gate.authenticate(GOOD, Peer("192.0.2.7"))).plugin_session is None


@pytest.mark.parametrize("required", [True, False])
async def test_a_topic_plugin_is_told_that_a_session_is_anonymous(required: bool) -> None:  # noqa: FBT001 - a table
    plugins: Plugins = {ANONYMOUS: {}, f"{HERE}.TopicSays": {}}
    async with gatekeeper(config(plugins, required=required)) as gate:
        session = (await gate.authenticate(NAMELESS, Peer("192.0.2.7"))).plugin_session
    assert isinstance(session, Session)
    assert (session.username, session.is_anonymous) == (None, True)


async def test_a_plugin_that_calls_the_session_anonymous_has_verified_nothing(password_file: Plugins) -> None:
    async with gatekeeper(config({f"{HERE}.LetsGuestsIn": {}})) as gate:
        assert await answer(gate, GOOD) == Identity("c1", "sensor1@demo")
    async with gatekeeper(config({f"{HERE}.LetsGuestsIn": {}, **password_file})) as gate:
        assert await answer(gate, GOOD) == SENSOR
        assert await answer(gate, BAD) == WRONG


async def test_stop_is_harmless_before_start_and_when_repeated(password_file: Plugins) -> None:
    gate = Gatekeeper(config(password_file), Lines())
    await gate.stop()
    await gate.start()
    await gate.stop()
    await gate.stop()
    assert await answer(gate, GOOD) == UNAVAILABLE


def test_the_configuration_of_plugins_is_not_shown() -> None:
    assert "hunter2" not in repr(config({HERE: {"secret": "hunter2"}}))


async def test_a_missing_password_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist") as caught:
        async with gatekeeper(config({FILE: {"password_file": str(tmp_path / "none")}})):
            pass
    assert FILE in str(caught.value)
    assert "ADAPTER_AUTH__PLUGINS" in str(caught.value)
