"""What an operator reads when the settings cannot be run."""

from collections.abc import Mapping

import pytest

from adapter.errors import ConfigurationError
from adapter.settings import load_settings


def problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Load settings that must be refused, and return the lines that say why."""
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environ)
    return raised.value.problems
