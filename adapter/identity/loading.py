"""Imports plugins by name and checks their configuration, before anything runs.

amqtt stops at the first mistake and may show the wrong value, which can be a password. Here every mistake is reported,
each in a line that names the class, and no line shows a value.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amqtt.plugins.authentication import FileAuthPlugin
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin
from amqtt.utils import import_string
from dacite import Config as DaciteConfig
from dacite import DaciteError, MissingValueError, UnexpectedDataError, WrongTypeError, from_dict

from adapter.errors import ConfigurationError
from adapter.identity.contrib import open_contrib
from adapter.identity.passwd import problems_in

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGINS = "ADAPTER_AUTH__PLUGINS"


class _UnfitError(Exception):
    """A plugin cannot be used as configured; the text says why."""


@dataclass(frozen=True, slots=True)
class PluginPlan:
    """Plugins that can be used: class path → configuration, as amqtt's PluginManager takes it, and what they do."""

    configs: dict[str, dict[str, Any]]
    authenticates: bool
    checks_topics: bool
    reads_certificates: bool


def plan(plugins: Mapping[str, Mapping[str, Any]]) -> PluginPlan:
    """Import the classes and check their configuration. Raises ConfigurationError with a line for each mistake."""
    configs: dict[str, dict[str, Any]] = {}
    classes: list[type] = []
    problems: list[str] = []
    for path, given in plugins.items():
        try:
            plugin = _import(path)
            configs[path] = _checked_config(plugin, dict(given))
        except _UnfitError as error:
            problems.append(f"{PLUGINS}: {path} {error}")
            continue
        classes.append(plugin)
        if issubclass(plugin, FileAuthPlugin):
            problems += [f"{PLUGINS}: {path}: {text}" for text in _password_file_problems(configs[path])]
    if problems:
        raise ConfigurationError(*problems)
    return PluginPlan(
        configs,
        authenticates=any(issubclass(plugin, BaseAuthPlugin) for plugin in classes),
        checks_topics=any(issubclass(plugin, BaseTopicPlugin) for plugin in classes),
        reads_certificates=any(reads_certificates(plugin) for plugin in classes),
    )


def reads_certificates(plugin: type) -> bool:
    """Return whether it is amqtt's certificate plugin or derived from it.

    By name, as its module needs a library that may not be installed.
    """
    return any(base.__module__ == "amqtt.contrib.cert" for base in plugin.__mro__)


def _import(path: str) -> type[BasePlugin[Any]]:
    open_contrib()
    try:
        plugin: Any = import_string(path)
    except Exception as error:  # importing runs the module, which may raise anything
        raise _UnfitError(
            f"cannot be imported ({type(error).__name__}: {error}); give the path of a class that is installed "
            "with its dependencies, such as amqtt.plugins.authentication.FileAuthPlugin"
        ) from error
    if not isinstance(plugin, type) or not issubclass(plugin, BasePlugin):
        raise _UnfitError("is not a plugin; give a class derived from amqtt's BaseAuthPlugin or BaseTopicPlugin")
    if not issubclass(plugin, BaseAuthPlugin | BaseTopicPlugin):
        raise _UnfitError(
            "checks neither credentials nor topics, and the adapter asks plugins for nothing else; remove it"
        )
    if not is_dataclass(plugin.Config):
        raise _UnfitError("has a Config that is not a dataclass, which amqtt requires; fix the plugin")
    return plugin


def _checked_config(plugin: type[BasePlugin[Any]], given: dict[str, Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(plugin.Config)
        data = {name: _as_enum(hints.get(name), name, value) for name, value in given.items()}
        from_dict(data_class=plugin.Config, data=data, config=DaciteConfig(strict=True))
    except MissingValueError as error:
        raise _UnfitError(f"needs {error.field_path!r} in its configuration; {_known(plugin)}") from error
    except UnexpectedDataError as error:
        names = ", ".join(sorted(map(repr, error.keys)))
        raise _UnfitError(f"has no setting {names}; {_known(plugin)}") from error
    except WrongTypeError as error:
        kind = getattr(error.field_type, "__name__", str(error.field_type))
        raise _UnfitError(
            f"has a wrong value for {error.field_path!r}: {type(error.value).__name__}, should be {kind}"
        ) from error
    except (DaciteError, NameError) as error:  # a union or a reference that is wrong in the class itself
        raise _UnfitError(f"has a Config that cannot be filled ({type(error).__name__}); fix the plugin") from error
    except _UnfitError:
        raise
    except Exception as error:  # a Config may check itself; the error's text may show values
        raise _UnfitError(f"rejects its configuration ({type(error).__name__})") from error
    return data


def _as_enum(hint: Any, name: str, value: Any) -> Any:
    """Convert a text from JSON to the enum of a Config. amqtt's manager does not, and so rejects any text there."""
    if not (isinstance(hint, type) and issubclass(hint, Enum)):
        return value
    try:
        return hint(value)
    except ValueError as error:
        members = ", ".join(repr(member.value) for member in hint)
        raise _UnfitError(f"has a wrong value for {name!r}: should be one of {members}") from error


def _known(plugin: type[BasePlugin[Any]]) -> str:
    names = ", ".join(field.name for field in fields(plugin.Config))
    return f"its settings are {names}" if names else "it has no settings"


def _password_file_problems(config: dict[str, Any]) -> list[str]:
    path = config.get("password_file")
    if not path:  # amqtt would start, and refuse everybody
        return ['it needs the path of its password file: {"password_file": "…"}']
    return problems_in(Path(path))
