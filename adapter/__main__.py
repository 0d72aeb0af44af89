"""`python -m adapter`; see `commands/cli.py`."""

import contextlib
import signal
import sys

if __name__ == "__main__":
    # Process 1 of a container does not die of a signal that it has not asked for: leave at once, until `run` drains.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    code = 130  # commands/exit_codes.py
    with contextlib.suppress(KeyboardInterrupt):
        from adapter.commands.cli import main  # that takes a third of a second, so it comes after the lines above

        code = main()
    sys.exit(code)
