"""Reads the routes file: TOML with `[[route]]` tables. Reports all problems at once, each with its table and its fix.

This is the only I/O of routing, and happens once, when the service starts.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from adapter.errors import ConfigurationError
from adapter.model import Delivery
from adapter.routing.hono_topics import HonoTopics
from adapter.routing.origin import has_control_characters
from adapter.routing.rule import RouteRule, problems_of
from adapter.routing.template import Template
from adapter.routing.topic_filter import TopicFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from adapter.routing.config import RoutingConfig

_T = TypeVar("_T")

_VARIABLE = "ADAPTER_ROUTES_FILE"
_KEYS = ("name", "mqtt", "kafka_topic", "key", "headers", "content_type", "delivery")
_REQUIRED = ("mqtt", "kafka_topic", "key")
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}


def load_routes(path: Path, config: RoutingConfig) -> tuple[RouteRule, ...]:
    """Read the routes of a file, in its order. Raises ConfigurationError with everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
    except OSError as error:
        raise ConfigurationError(f"{_VARIABLE}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{_VARIABLE}: {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return parse_routes(text, str(path), config)


def parse_routes(text: str, source: str, config: RoutingConfig) -> tuple[RouteRule, ...]:
    """Parse the text of a routes file; problems begin with `source`. Raises ConfigurationError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_VARIABLE}: {source} is not TOML: {error}") from error
    problems = [f"unknown key {key!r}{_suggestion(key, ['route'])}" for key in document if key != "route"]
    tables = document.get("route", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("`route` must be tables: begin each route with a line [[route]]")
        tables = []
    hono = HonoTopics(config)
    readers = [_TableReader(table, hono) for table in tables]
    for number, reader in enumerate(readers, start=1):
        problems += (f"route {number}: {problem}" for problem in reader.problems)
    problems += _unreachable(readers)
    problems += _namesakes(readers)
    if problems:
        raise ConfigurationError(*(f"{_VARIABLE}: {source}: {problem}" for problem in problems))
    return tuple(reader.rule() for reader in readers)


def _unreachable(readers: list[_TableReader]) -> Iterator[str]:
    """Yield the routes that can never match, because an earlier one matches all of their topics."""
    filters = [(number, reader.mqtt) for number, reader in enumerate(readers, start=1) if reader.mqtt is not None]
    for index, (number, mqtt) in enumerate(filters):
        for earlier_number, earlier in filters[:index]:
            if earlier.covers(mqtt):
                yield (
                    f"route {number}: gets no message, because route {earlier_number} ({earlier.source}) takes "
                    f"all of {mqtt.source}; put it before that one, or remove it"
                )
                break


def _namesakes(readers: list[_TableReader]) -> Iterator[str]:
    """Yield the names that several routes share. Routes without a name are told apart by their filters."""
    first: dict[str, int] = {}
    for number, reader in enumerate(readers, start=1):
        if reader.name:
            earlier = first.setdefault(reader.name, number)
            if earlier != number:
                yield f"route {number}: name: {reader.name!r} is the name of route {earlier} too; choose another one"


def _suggestion(word: str, known: Iterable[str]) -> str:
    """Return the known word that is nearest, as the end of a sentence; empty if none is near."""
    nearest = get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


class _TableReader:
    """Reads one `[[route]]` table. `problems` lists what is wrong with it; only while it is empty there is a `rule`."""

    def __init__(self, table: dict[str, Any], hono: HonoTopics) -> None:
        self._table = table
        self.problems: list[str] = []
        for key in table:
            if key not in _KEYS:
                self.problems.append(
                    f"unknown key {key!r}{_suggestion(key, _KEYS) or '; there are ' + ', '.join(_KEYS)}"
                )
        for key in _REQUIRED:
            if key not in table:
                self.problems.append(f"{key}: is missing")
        self.mqtt = self._parsed("mqtt", TopicFilter.parse)
        self._kafka_topic = self._parsed("kafka_topic", Template.parse)
        self._key = self._parsed("key", Template.parse)
        self.name = self._name()
        self._headers = self._read_headers()
        self._content_type = self._read_content_type()
        self._delivery = self._read_delivery()
        self.problems += problems_of(self.mqtt, self._kafka_topic, self._key, self._headers)
        if self._kafka_topic is not None:
            self.problems += hono.problems(self._kafka_topic, self._key)

    def rule(self) -> RouteRule:
        """Return the route."""
        assert self.mqtt is not None, "else it is among the problems, as are the next two"
        assert self._kafka_topic is not None
        assert self._key is not None
        return RouteRule(
            name=self.name or self.mqtt.source,
            mqtt=self.mqtt,
            kafka_topic=self._kafka_topic,
            key=self._key,
            headers=self._headers,
            content_type=self._content_type,
            delivery=self._delivery,
        )

    def _name(self) -> str | None:
        """Read the name. Logs and terminals show it, or the filter of a route without a name."""
        name = self._text("name")
        if name and has_control_characters(name):
            self.problems.append(f"name: {name!r} has control characters; leave them out")
        if not name and self.mqtt is not None and has_control_characters(self.mqtt.source):
            self.problems.append(f"mqtt: {self.mqtt.source!r} has control characters; give the route a name without")
        return name

    def _text(self, key: str) -> str | None:
        value = self._table.get(key)
        if value is None or isinstance(value, str):
            return value
        self.problems.append(f"{key}: must be a text in quotes")
        return None

    def _parsed(self, key: str, parse: Callable[[str], _T]) -> _T | None:
        text = self._text(key)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"{key}: {text!r} {error}")
            return None

    def _read_headers(self) -> tuple[tuple[str, Template], ...]:
        table = self._table.get("headers", {})
        if not isinstance(table, dict):
            self.problems.append('headers: must be a table, for example { site = "{site}" }')
            return ()
        headers = []
        for name, value in table.items():
            if not isinstance(value, str):
                self.problems.append(f"headers.{name}: must be a text in quotes")
                continue
            try:
                headers.append((name, Template.parse(value)))
            except ValueError as error:
                self.problems.append(f"headers.{name}: {value!r} {error}")
        return tuple(headers)

    def _read_content_type(self) -> str | None:
        content_type = self._text("content_type")
        if content_type is not None and (not content_type or has_control_characters(content_type)):
            self.problems.append(f"content_type: {content_type!r} must be a media type, for example 'application/json'")
        return content_type

    def _read_delivery(self) -> Delivery | None:
        text = self._text("delivery")
        if text is None:
            return None
        if text not in _DELIVERIES:
            self.problems.append(f"delivery: {text!r} must be {' or '.join(_DELIVERIES)}")
        return _DELIVERIES.get(text)
