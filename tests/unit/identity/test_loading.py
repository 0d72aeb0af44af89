"""Mistakes in the plugins' configuration: all found at start, each named, no value shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapter.errors import ConfigurationError
from adapter.identity.loading import plan
from adapter.identity.passwd import password_entry
from tests.support.gate import ANONYMOUS, FILE, HTTP_TOPIC, HTTP_USER, config, gatekeeper
from tests.support.plugins import HERE

Plugins = Mapping[str, Mapping[str, Any]]
SERVER = {"host": "localhost", "port": 8000}


def problems(plugins: Plugins) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        plan(plugins)
    return caught.value.problems


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("no.such.Plugin", {}, "cannot be imported (ModuleNotFoundError: No module named 'no')"),
        ("Plugin", {}, "cannot be imported"),
        (f"{HERE}.Missing", {}, "cannot be imported"),
        (f"{HERE}.NoPlugin", {}, "is not a plugin"),
        (f"{HERE}.HERE", {}, "is not a plugin"),
        (f"{HERE}.WatchesOnly", {}, "checks neither credentials nor topics"),
        (f"{HERE}.Undescribed", {}, "is not a dataclass"),
        (f"{HERE}.Unresolvable", {}, "fix the plugin"),
        (f"{HERE}.Choosy", {"number": 1}, "rejects its configuration (RuntimeError)"),
        (f"{HERE}.Secretive", {}, "needs 'secret' in its configuration; its settings are secret, number"),
        (f"{HERE}.Secretive", {"secret": "x", "numbre": 1}, "has no setting 'numbre'; its settings are secret, number"),
        (f"{HERE}.Secretive", {"secret": 7}, "has a wrong value for 'secret': int, should be str"),
        (f"{HERE}.Raises", {"a": 1}, "has no setting 'a'; it has no settings"),
        (ANONYMOUS, {"allow_anonymous": "yes"}, "has a wrong value for 'allow_anonymous': str, should be bool"),
        (HTTP_USER, {**SERVER, "response_mode": "xml"}, "should be one of 'status', 'json', 'text'"),
        (FILE, {}, "needs the path of its password file"),
        (FILE, {"password_file": 7}, "has a wrong value for 'password_file'"),
        ("amqtt.contrib.auth_db.UserAuthDBPlugin", {}, "cannot be imported"),
    ],
)
def test_a_plugin_that_does_not_fit_is_named_with_the_fix(path: str, given: dict[str, Any], says: str) -> None:
    (problem,) = problems({path: given})
    assert problem.startswith(f"ADAPTER_AUTH__PLUGINS: {path}")
    assert says in problem


def test_all_mistakes_are_found_at_once() -> None:
    found = problems({"no.such.Plugin": {}, f"{HERE}.Secretive": {}, FILE: {}})
    assert [text.split()[1].rstrip(":") for text in found] == ["no.such.Plugin", f"{HERE}.Secretive", FILE]


def test_no_problem_shows_a_value() -> None:
    found = problems({f"{HERE}.Secretive": {"secret": "hunter2", "number": "hunter3"}})
    assert "hunter" not in "".join(found)


def test_a_malformed_line_of_the_password_file_is_found_at_start(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(password_entry("a", "b") + "\nhunter2\n")
    (problem,) = problems({FILE: {"password_file": str(file)}})
    assert problem.startswith(f"ADAPTER_AUTH__PLUGINS: {FILE}: line 2 of")
    assert "hunter2" not in problem


def test_json_text_becomes_the_enum_that_a_plugin_wants() -> None:
    made = plan({HTTP_USER: {**SERVER, "request_method": "post", "params_mode": "form", "response_mode": "status"}})
    config_of_plugin = made.configs[HTTP_USER]
    assert [type(config_of_plugin[name]).__name__ for name in ("request_method", "params_mode", "response_mode")] == [
        "RequestMethod",
        "ParamsMode",
        "ResponseMode",
    ]


def test_a_plan_says_what_its_plugins_do() -> None:
    assert [
        (made.authenticates, made.checks_topics)
        for made in (plan({}), plan({ANONYMOUS: {}}), plan({HTTP_TOPIC: SERVER}), plan({f"{HERE}.Both": {}}))
    ] == [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CannotBeMade", "OSError: no key"),
        ("CannotStart", "CannotStart cannot start: OSError: no database"),
        ("NotAsync", "non-async authenticate"),
    ],
)
async def test_a_plugin_that_fails_while_it_is_made_or_started_stops_the_start(name: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with gatekeeper(config({f"{HERE}.{name}": {}})):
            pass
    assert "ADAPTER_AUTH__PLUGINS" in str(caught.value)
    assert name in str(caught.value)
    assert says in str(caught.value)
