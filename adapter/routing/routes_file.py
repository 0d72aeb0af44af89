"""Reads the routes file: TOML with `[[route]]` tables. Finds every problem in one go, each with its table and the fix.

The only I/O of routing, done once when the service starts.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from adapter.errors import ConfigurationError
from adapter.model import Delivery
from adapter.routing.origin import has_control_characters
from adapter.routing.rule import RouteRule
from adapter.routing.template import Template
from adapter.routing.topic_filter import TopicFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_T = TypeVar("_T")

_VARIABLE = "ADAPTER_ROUTES_FILE"
_KEYS = ("name", "mqtt", "kafka_topic", "key", "headers", "content_type", "delivery")
_REQUIRED = ("mqtt", "kafka_topic", "key")
_DELIVERIES = {delivery.value: delivery for delivery in Delivery}


def load_routes(path: Path) -> tuple[RouteRule, ...]:
    """Read the rules of a routes file, in its order. Raises ConfigurationError with all that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{_VARIABLE}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{_VARIABLE}: {path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return parse_routes(text, str(path))


def parse_routes(text: str, source: str) -> tuple[RouteRule, ...]:
    """Read the text of a routes file; `source` is its name in the problems that ConfigurationError lists."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_VARIABLE}: {source} is not TOML: {error}") from error
    problems = [f"unknown key {key!r}{_suggestion(key, ['route'])}" for key in document if key != "route"]
    tables = document.get("route", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("`route` must be tables: begin each route with a line [[route]]")
        tables = []
    rules: list[tuple[int, RouteRule]] = []
    for number, table in enumerate(tables, start=1):
        reader = _TableReader(table)
        rule = reader.rule()
        problems += (f"route {number}: {problem}" for problem in reader.problems)
        if rule is not None:
            rules.append((number, rule))
    problems += _unreachable(rules)
    if problems:
        raise ConfigurationError(*(f"{_VARIABLE}: {source}: {problem}" for problem in problems))
    return tuple(rule for _, rule in rules)


def _unreachable(rules: list[tuple[int, RouteRule]]) -> Iterable[str]:
    """Find the rules that never get a message, because one before them takes all of theirs."""
    for index, (number, rule) in enumerate(rules):
        for earlier_number, earlier in rules[:index]:
            if earlier.mqtt.covers(rule.mqtt):
                yield (
                    f"route {number}: gets no message, because route {earlier_number} ({earlier.mqtt.source}) takes "
                    f"all of {rule.mqtt.source}; put it before that one, or remove it"
                )
                break


def _suggestion(word: str, known: Iterable[str]) -> str:
    """Name the nearest of the known words, as the end of a sentence."""
    nearest = get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


class _TableReader:
    """Makes a rule of one `[[route]]` table, and collects what is wrong with it."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table
        self.problems: list[str] = []

    def rule(self) -> RouteRule | None:
        """Make the rule, or None if there are problems."""
        for key in self._table:
            if key not in _KEYS:
                self.problems.append(
                    f"unknown key {key!r}{_suggestion(key, _KEYS) or '; there are ' + ', '.join(_KEYS)}"
                )
        for key in _REQUIRED:
            if key not in self._table:
                self.problems.append(f"{key}: is missing")
        mqtt = self._parsed("mqtt", TopicFilter.parse)
        kafka_topic = self._parsed("kafka_topic", Template.parse)
        key_template = self._parsed("key", Template.parse)
        name = self._text("name")
        headers = self._headers()
        content_type = self._content_type()
        delivery = self._delivery()
        if mqtt is None or kafka_topic is None or key_template is None or self.problems:
            return None
        try:
            return RouteRule(
                name=name or mqtt.source,
                mqtt=mqtt,
                kafka_topic=kafka_topic,
                key=key_template,
                headers=headers,
                content_type=content_type,
                delivery=delivery,
            )
        except ConfigurationError as error:
            self.problems += error.problems
            return None

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

    def _headers(self) -> tuple[tuple[str, Template], ...]:
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

    def _content_type(self) -> str | None:
        content_type = self._text("content_type")
        if content_type is not None and (not content_type or has_control_characters(content_type)):
            self.problems.append(f"content_type: {content_type!r} must be a media type, for example 'application/json'")
        return content_type

    def _delivery(self) -> Delivery | None:
        text = self._text("delivery")
        if text is None:
            return None
        if text not in _DELIVERIES:
            self.problems.append(f"delivery: {text!r} must be {' or '.join(_DELIVERIES)}")
        return _DELIVERIES.get(text)
