"""Text with placeholders, as routes use it: `plant.{site}`. `{{` and `}}` stand for braces themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literals, each with the placeholder that follows it (None at the end)."""

    source: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, source: str) -> Template:
        """Parse `source`; raises ValueError with the reason, as the end of a sentence that begins with the template."""
        parts = []
        try:
            pieces = list(Formatter().parse(source))
        except ValueError as error:
            raise ValueError("has a brace without its partner; write {{ or }} for a brace itself") from error
        for literal, name, specification, conversion in pieces:
            if name is not None and (specification or conversion or not _NAME.fullmatch(name)):
                raise ValueError(
                    f"has the placeholder {{{name}}}, but only {{name}} with letters, digits and _ is known"
                )
            parts.append((literal, name))
        return cls(source, tuple(parts))

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in braces."""
        return frozenset(name for _, name in self.parts if name is not None)

    @property
    def literal(self) -> str:
        """All of it that is fixed."""
        return "".join(literal for literal, _ in self.parts)

    @property
    def head(self) -> str:
        """What every text made from it begins with."""
        head = ""
        for literal, name in self.parts:
            head += literal
            if name is not None:
                break
        return head

    @property
    def tail(self) -> str:
        """What every text made from it ends with."""
        tail = ""
        for literal, name in self.parts:
            tail = tail + literal if name is None else ""
        return tail

    def render(self, values: Mapping[str, str]) -> str:
        """Make the text with `values` for the placeholders, each of which must be there."""
        return "".join([literal if name is None else literal + values[name] for literal, name in self.parts])
