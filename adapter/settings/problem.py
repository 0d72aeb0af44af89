"""A broken rule between variables, as `rules` and `security` find them and `environment` tells them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """The variable to mend first, its value (None: not shown), what is wrong and the remedy; who else takes part."""

    variable: str
    value: object
    text: str
    others: tuple[str, ...] = ()
