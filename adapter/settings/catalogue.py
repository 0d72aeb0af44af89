"""The list of variables, derived from the classes, and the two texts for operators generated from it.

python -m adapter.settings              the table in README.md, between the settings markers
python -m adapter.settings --env        config/adapter.env.example
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from adapter.settings.root import NESTING, PREFIX, Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

EXAMPLE_WIDTH = 110
EXAMPLE_HEAD = """\
# Every setting of the adapter with its default. Remove the # in front of a name to set it.
# Append _FILE to any name to read the value from a file, for example a mounted secret.
# This file is generated: python -m adapter.settings --env > config/adapter.env.example
"""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable. `path` leads to its field; `default` is written as an operator would, "" if none."""

    name: str
    default: str
    description: str
    path: tuple[str, ...]
    secret: bool


@cache
def describe() -> tuple[Variable, ...]:
    """List every variable in the order of the classes."""
    return tuple(_walk(Settings, PREFIX, ()))


def by_name() -> dict[str, Variable]:
    """Every variable under its name."""
    return {variable.name: variable for variable in describe()}


def render_markdown_table() -> str:
    """Render one row of a Markdown table per variable."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for variable in describe():
        default = f"`{variable.default}`" if variable.default else "none"
        rows.append(f"| `{variable.name}` | {default} | {variable.description} |")
    return "\n".join(rows) + "\n"


def render_env_example() -> str:
    """Render an environment file: each variable commented out, below its description."""
    parts = [EXAMPLE_HEAD]
    for variable in describe():
        text = textwrap.fill(
            variable.description.replace("`", ""), EXAMPLE_WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        parts.append(f"{text}\n#{variable.name}={variable.default}\n")
    return "\n".join(parts)


def _walk(model: type[BaseModel], prefix: str, path: tuple[str, ...]) -> list[Variable]:
    variables: list[Variable] = []
    for name, field in model.model_fields.items():
        here = (*path, name)
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            variables += _walk(part, f"{prefix}{name.upper()}{NESTING}", here)
        else:
            variables.append(_variable(f"{prefix}{name.upper()}", field, here))
    return variables


def _variable(name: str, field: FieldInfo, path: tuple[str, ...]) -> Variable:
    default = _as_written(field.get_default(call_default_factory=True, validated_data={}))
    return Variable(name, default, field.description or "", path, secret=not field.repr)


def _as_written(value: Any) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)
