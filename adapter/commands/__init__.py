"""The sub-commands of `python -m adapter`, one file each: its arguments, its output, its exit codes."""

from __future__ import annotations

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
