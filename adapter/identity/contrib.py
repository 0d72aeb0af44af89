"""Entry to `amqtt.contrib`, where the HTTP plugin lives, without SQLAlchemy.

The package's own `__init__` imports SQLAlchemy for its database plugins and so keeps out everybody else:
`amqtt.contrib.http` needs nothing but aiohttp. Where SQLAlchemy is not installed, the package is entered as a plain
folder of modules; the plugins in it are untouched, and those with a database still say what they miss.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec

import amqtt

PACKAGE = "amqtt.contrib"


def open_contrib() -> None:
    """Make the modules of `amqtt.contrib` importable; does nothing where they are."""
    if PACKAGE in sys.modules or find_spec("sqlalchemy") is not None:
        return
    found = PathFinder.find_spec(PACKAGE, amqtt.__path__)
    if found is None:  # an amqtt without it: the import of the plugin says so
        return
    folder = ModuleSpec(PACKAGE, None, is_package=True)
    folder.submodule_search_locations = found.submodule_search_locations
    sys.modules[PACKAGE] = module_from_spec(folder)
