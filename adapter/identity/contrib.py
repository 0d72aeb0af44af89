"""Makes `amqtt.contrib` importable without SQLAlchemy, for the plugins that do not need it.

The package's own `__init__` imports SQLAlchemy for its database plugins, and so nothing in the package can be imported
without it, although `amqtt.contrib.http` needs only aiohttp. Where SQLAlchemy is not installed, the package is imported
as a plain folder of modules. Its plugins are unchanged, and those with a database still say what is missing.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec

import amqtt

PACKAGE = "amqtt.contrib"


def open_contrib() -> None:
    """Make the modules of `amqtt.contrib` importable. Does nothing if they are already."""
    if PACKAGE in sys.modules or find_spec("sqlalchemy") is not None:
        return
    found = PathFinder.find_spec(PACKAGE, amqtt.__path__)
    if found is None:  # amqtt has no such package; importing the plugin will say so
        return
    folder = ModuleSpec(PACKAGE, None, is_package=True)
    folder.submodule_search_locations = found.submodule_search_locations
    sys.modules[PACKAGE] = module_from_spec(folder)
