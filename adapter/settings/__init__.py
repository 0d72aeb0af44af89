"""Every `ADAPTER_…` variable an operator can set. All are checked together before anything starts.

    kinds.py        the types of values (port, list, JSON, server list …)
    parts.py        one frozen class per part of the adapter; its descriptions are the source of the generated tables
    limits.py       … and one for what a single peer may use
    root.py         all parts together, and the defaults that depend on other values
    rules.py        rules between variables: delivery semantics, sizes, times
    listeners.py    rules for the listeners
    security.py     rules for the connection to Kafka
    problem.py      a broken rule
    catalogue.py    the list of variables, and the texts generated from it
    reading.py      variable names and `_FILE` forms
    environment.py  from an environment to `Settings`, or all problems at once

`routing`, `mqtt`, `delivery`, `kafka` and `identity` never import this package.
"""

from adapter.settings.catalogue import Variable, describe, render_env_example, render_markdown_table
from adapter.settings.environment import load_settings
from adapter.settings.kinds import EMBEDDED, Acks, ClientCertificates, Compression, Overflow, Puback, TlsVersion
from adapter.settings.listeners import uses_tls
from adapter.settings.root import Settings
from adapter.settings.rules import warnings

__all__ = [
    "EMBEDDED",
    "Acks",
    "ClientCertificates",
    "Compression",
    "Overflow",
    "Puback",
    "Settings",
    "TlsVersion",
    "Variable",
    "describe",
    "load_settings",
    "render_env_example",
    "render_markdown_table",
    "uses_tls",
    "warnings",
]
