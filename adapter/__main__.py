"""`python -m adapter`; see `commands/cli.py`."""

import os
import signal
import sys

INTERRUPTED = 130  # commands/exit_codes.py


def _leave(number: int, _: object) -> None:
    """End at once: an exception in the middle of an import may be swallowed there."""
    os._exit(INTERRUPTED if number == signal.SIGINT else 0)


if __name__ == "__main__":
    # Process 1 of a container does not die of a signal that it has not asked for.
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    from adapter.commands.cli import main  # that takes a third of a second, so it comes after the lines above

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until `run` drains
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = main()
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)
