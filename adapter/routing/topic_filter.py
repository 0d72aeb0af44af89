"""MQTT topic filters with named levels: `plant/{site}/+/{device}/#`.

`+` and `#` are the wildcards of MQTT (5.0 section 4.7). `{name}` matches one level, as `+` does, but not an empty one,
and captures it for keys and topic names. `{{` and `}}` stand for literal braces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from adapter.routing.template import Template
from adapter.routing.text import shown

_LONGEST = 65_535


class LevelKind(Enum):
    """What a level of a filter matches."""

    LITERAL = "literal"
    ANY = "+"
    NAMED = "{name}"
    REST = "#"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a filter; `text` is the literal or the name of the capture."""

    kind: LevelKind
    text: str = ""


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """A parsed filter. `pattern` is the same filter as a regular expression, which matches in about 1 µs."""

    source: str
    levels: tuple[Level, ...]
    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, source: str) -> TopicFilter:
        """Parse `source`. Raises ValueError with the reason, to be read after the filter."""
        if not source:
            raise ValueError("is empty")  # [MQTT-4.7.3-1]
        if "\0" in source:
            raise ValueError("contains U+0000")  # [MQTT-4.7.3-2]
        if len(source.encode()) > _LONGEST:
            raise ValueError(f"is longer than {_LONGEST} bytes")  # [MQTT-4.7.3-3]
        if source.startswith("$share/"):
            raise ValueError("is a shared subscription: leave out $share and the group, routes are not shared")
        texts = source.split("/")
        levels = tuple(_level(text, is_last=number == len(texts)) for number, text in enumerate(texts, start=1))
        names = [level.text for level in levels if level.kind is LevelKind.NAMED]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"captures {{{min(doubled)}}} twice")
        return cls(source, levels, _pattern(levels))

    @property
    def names(self) -> frozenset[str]:
        """The names of the captures."""
        return frozenset(level.text for level in self.levels if level.kind is LevelKind.NAMED)

    def match(self, topic: str) -> dict[str, str] | None:
        """Return the captures by name, or None if the topic does not match."""
        found = self.pattern.fullmatch(topic)
        return None if found is None else found.groupdict()

    def why_not(self, topic: str) -> str | None:
        """Explain to people why the topic does not match; None if it does."""
        if self.levels[0].kind is not LevelKind.LITERAL and topic.startswith("$"):
            return "a filter that begins with a wildcard matches no topic that begins with $"  # [MQTT-4.7.2-1]
        there = topic.split("/")
        for number, (level, text) in enumerate(zip(self.levels, there, strict=False), start=1):
            if level.kind is LevelKind.REST:
                return None
            if level.kind is LevelKind.LITERAL and text != level.text:
                return f"level {number} is {shown(text)}, not {shown(level.text)}"
            if level.kind is LevelKind.NAMED and not text:
                return f"level {number} is empty, but {{{level.text}}} needs a value"
        # With a # at the end, the topic can only be shorter here: `a/#` matches `a` itself (section 4.7.1.2).
        needed = len(self.levels) - (self.levels[-1].kind is LevelKind.REST)
        if len(there) == needed:
            return None
        return f"levels in the topic: {len(there)}, in the filter: {len(self.levels)}"

    def covers(self, other: TopicFilter) -> bool:
        """Return whether this filter matches everything that `other` matches, so that a route after it gets nothing."""
        for index, mine in enumerate(self.levels):
            if mine.kind is LevelKind.REST:
                # `a/#` matches `a` too (4.7.1.2), but no `#` at the start matches `$SYS` [MQTT-4.7.2-1].
                return index > 0 or not _is_dollar(other.levels[0])
            if index >= len(other.levels):
                return False
            theirs = other.levels[index]
            if mine.kind is LevelKind.LITERAL:
                covered = theirs == mine
            elif mine.kind is LevelKind.ANY:
                covered = theirs.kind is not LevelKind.REST and not (index == 0 and _is_dollar(theirs))
            else:
                literal = theirs.kind is LevelKind.LITERAL and theirs.text != ""
                covered = theirs.kind is LevelKind.NAMED or (literal and not (index == 0 and _is_dollar(theirs)))
            if not covered:
                return False
        return len(self.levels) == len(other.levels)


def _is_dollar(level: Level) -> bool:
    return level.kind is LevelKind.LITERAL and level.text.startswith("$")


def _level(text: str, *, is_last: bool) -> Level:
    if text == "#":
        if not is_last:
            raise ValueError("has a # before its last level")  # [MQTT-4.7.1-1]
        return Level(LevelKind.REST)
    if text == "+":
        return Level(LevelKind.ANY)
    if "#" in text or "+" in text:
        raise ValueError(f"has a wildcard inside the level {shown(text)}; + and # stand alone")  # [MQTT-4.7.1-2]
    template = Template.parse(text)
    if not template.placeholders:
        return Level(LevelKind.LITERAL, template.literal)
    if template.literal or len(template.parts) > 1:
        raise ValueError(f"has a placeholder inside the level {shown(text)}; {{name}} stands alone")
    return Level(LevelKind.NAMED, min(template.placeholders))


def _pattern(levels: tuple[Level, ...]) -> re.Pattern[str]:
    pieces: list[str] = []
    for index, level in enumerate(levels):
        slash = "/" if index else ""
        if level.kind is LevelKind.REST:
            pieces.append(f"(?:{slash}.*)?")
        elif level.kind is LevelKind.LITERAL:
            pieces.append(slash + re.escape(level.text))
        elif level.kind is LevelKind.ANY:
            pieces.append(slash + "[^/]*")
        else:
            pieces.append(f"{slash}(?P<{level.text}>[^/]+)")
    guard = "" if levels[0].kind is LevelKind.LITERAL else r"(?!\$)"  # [MQTT-4.7.2-1]
    return re.compile(guard + "".join(pieces), re.DOTALL)
