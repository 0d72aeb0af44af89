"""How names that came from outside are shown to people, in Reason Strings, logs and on the terminal."""

_LONGEST = 60  # a topic may have 65,535 bytes, a Reason String should stay readable


def shown(name: str) -> str:
    """`name` in quotes, shortened, with whatever could upset a log or a terminal escaped."""
    if len(name) > _LONGEST:
        name = name[: _LONGEST - 1] + "…"
    return repr(name)
