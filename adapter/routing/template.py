"""Text with placeholders, as routes use it: `plant.{site}`. `{{` and `}}` stand for literal braces."""

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
    """A parsed template: literals, each with the placeholder that follows it, or None."""

    source: str
    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, source: str) -> Template:
        """Parse `source`. Raises ValueError with the reason, to be read after the template."""
        parts = []
        try:
            pieces = list(Formatter().parse(source))
        except ValueError as error:
            raise ValueError("has an unmatched brace; write {{ or }} for a literal brace") from error
        for literal, name, specification, conversion in pieces:
            if name is not None and (specification or conversion or not _NAME.fullmatch(name)):
                raise ValueError(
                    f"has the placeholder {{{name}}}, but only {{name}} with letters, digits and _ is known"
                )
            parts.append((literal, name))
        return cls(source, tuple(parts))

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the placeholders."""
        return frozenset(name for _, name in self.parts if name is not None)

    @property
    def literal(self) -> str:
        """The fixed text, without the placeholders."""
        return "".join(literal for literal, _ in self.parts)

    @property
    def head(self) -> str:
        """The fixed text before the first placeholder."""
        head = ""
        for literal, name in self.parts:
            head += literal
            if name is not None:
                break
        return head

    @property
    def tail(self) -> str:
        """The fixed text after the last placeholder."""
        tail = ""
        for literal, name in self.parts:
            tail = tail + literal if name is None else ""
        return tail

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in the placeholders, each of which must be among `values`."""
        return "".join([literal if name is None else literal + values[name] for literal, name in self.parts])
