"""A broken rule between variables: found by `rules`, `listeners` and `security`, reported by `environment`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`variable` is to be fixed first, `others` are involved; a `value` of None is not shown; `text` names the fix."""

    variable: str
    value: object
    text: str
    others: tuple[str, ...] = ()
