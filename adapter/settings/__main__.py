"""Prints the texts generated from the settings; see `catalogue.py`."""

import sys

from adapter.settings.catalogue import render_env_example, render_markdown_table

sys.stdout.write(render_env_example() if sys.argv[1:] == ["--env"] else render_markdown_table())
