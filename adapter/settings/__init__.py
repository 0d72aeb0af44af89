"""What an operator can set: every `ADAPTER_…` variable, checked together before anything starts.

    kinds.py        the forms a value can take (port, list, JSON, server list …)
    parts.py        one frozen class per part; the descriptions there are the only source of the generated tables
    root.py         all parts together, and the values that follow from others
    rules.py        what must hold between variables: delivery semantics, sizes, times
    listeners.py    … for the listeners
    security.py     … and for the connection to Kafka
    problem.py      a broken rule
    catalogue.py    the variables as a list, and the texts made of it
    reading.py      names and `_FILE` forms
    environment.py  from an environment to `Settings`, or every problem at once

Nothing of `routing`, `mqtt`, `delivery`, `kafka` or `identity` imports this package.
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
