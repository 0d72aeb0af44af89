"""How names from outside are shown to people: in Reason Strings, in logs and on the terminal."""

_LONGEST = 60  # characters: a topic may have 65,535 bytes, but a Reason String should stay readable


def shown(name: str) -> str:
    """Return `name` in quotes, shortened, with characters escaped that could garble a log or a terminal."""
    if len(name) > _LONGEST:
        name = name[: _LONGEST - 1] + "…"
    return repr(name)
