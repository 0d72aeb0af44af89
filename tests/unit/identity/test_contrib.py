"""amqtt's contributed plugins, with what is installed."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from importlib.util import find_spec
if find_spec("sqlalchemy") is not None:
    sys.modules["sqlalchemy"] = None
from adapter.identity.loading import plan
plan({"amqtt.contrib.http.UserAuthHttpPlugin": {"host": "localhost", "port": 1}})
assert "sqlalchemy" not in sys.modules or sys.modules["sqlalchemy"] is None
from amqtt.plugins.manager import plugins_manager
assert plugins_manager == {}
"""


@pytest.mark.parametrize("statement", [PROGRAM, "import adapter.identity.gatekeeper"])
def test_plugins_load_without_a_word_and_without_a_warning(statement: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", statement], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
