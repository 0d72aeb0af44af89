"""Turns an environment into `Settings`, or raises a ConfigurationError with every problem at once.

A problem reads `NAME: 'value' what is wrong; what to do`. It never shows the value of a secret, of a `_FILE` variable,
or of an unknown variable, whose name may be a misspelt secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from adapter.errors import ConfigurationError
from adapter.settings.catalogue import by_name, describe
from adapter.settings.reading import Given, read_values
from adapter.settings.root import Settings, with_what_follows
from adapter.settings.rules import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SHOWN_AT_MOST = 80

# pydantic's error types → the end of the sentence `NAME: 'value' …`.
_TEXTS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "greater_than": "must be more than {gt:.0f}",
    "greater_than_equal": "must be at least {ge:.0f}",
    "less_than_equal": "must be at most {le:.0f}",
    "enum": "must be {expected}",
    "dict_type": "must hold a JSON object for each plugin class: its configuration",
    "value_error": "{error}",
}


def load_settings(
    environ: Mapping[str, str], further: Callable[[Settings, Sequence[str]], Iterable[str]] | None = None
) -> Settings:
    """Read and check every `ADAPTER_…` variable in `environ`. Raises ConfigurationError with all problems.

    `further` may find more; it is given the settings, with defaults for invalid values, and the problems so far.
    """
    values, problems = read_values(environ)
    settings, broken = _validated(values)
    problems += [_line(values, name, text) for name, text in broken.items()]
    given = frozenset(values)
    settings = with_what_follows(settings, given)
    problems += [
        _line(values, problem.variable, problem.text, problem.value)
        for problem in check(settings, given)
        # A rule about a value that is already invalid would only repeat the problem.
        if not broken.keys() & {problem.variable, *problem.others}
    ]
    if further is not None:
        problems += list(further(settings, problems))
    if problems:
        raise ConfigurationError(*problems)
    return settings


def _validated(values: Mapping[str, Given]) -> tuple[Settings, dict[str, str]]:
    """Build the settings; invalid values are replaced by their defaults, and returned as variable → problem."""
    source = EnvSettingsSource(Settings, case_sensitive=False)
    source.env_vars = {name.lower(): given.text for name, given in values.items()}
    try:
        return Settings(**source()), {}
    except ValidationError as error:
        details = error.errors(include_url=False)
    # Outside the handler: the final exception must not carry this one as its context, because it holds the values.
    variables = {variable.path: variable.name for variable in describe()}
    broken: dict[str, str] = {}
    for detail in details:
        path = tuple(str(step) for step in detail["loc"])
        name = next(variables[path[:end]] for end in (2, 1) if path[:end] in variables)
        broken.setdefault(name, _TEXTS.get(detail["type"], "is not valid").format(**detail.get("ctx", {})))
    settings, _ = _validated({name: given for name, given in values.items() if name not in broken})
    return settings, broken


def _line(values: Mapping[str, Given], name: str, text: str, derived: Any = None) -> str:
    """Name the variable, its value (given, or `derived` by default) and the problem."""
    variable = by_name()[name]
    given = values.get(name)
    if given is not None and not given.text and derived is None:
        default = f"the default, {variable.default}" if variable.default else "the default"
        return f"{name}: is empty; give it a value, or remove it for {default}"
    if variable.secret or (given is not None and given.from_file):
        return f"{name}: {text}"
    value = derived if given is None else given.text
    if value is None:
        return f"{name}: {text}"
    shown = str(value)
    if len(shown) > SHOWN_AT_MOST:
        shown = shown[:SHOWN_AT_MOST] + "…"
    return f"{name}: {shown!r} {text}"
