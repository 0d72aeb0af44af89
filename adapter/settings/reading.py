"""Finds the adapter's variables in an environment and reads their values: names, `_FILE` forms, misspellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.settings.catalogue import by_name
from adapter.settings.root import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_SUFFIX = "_FILE"
# More than any secret needs. The limit keeps /dev/zero from filling the memory.
LARGEST_FILE = 1_048_576

# Kubernetes (and Docker links) announce a service named `adapter…` to other containers in variables of these forms.
# The operator did not write them, and none can be ours: no setting has such a name or such a value.
_SERVICE_NAME = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")

# Settings of Kafka's producer that are fixed on purpose; names without punctuation.
_RETRIES = "retries are limited only by ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS, which can be set instead"
_IN_FLIGHT = "one request is in flight per broker, which keeps the order with or without idempotence"
_PARTITIONER = "records go to the partition that the Java client's default partitioner chooses for their key"
_FIXED = {
    "RETRIES": _RETRIES,
    "MAXRETRIES": _RETRIES,
    "MAXINFLIGHT": _IN_FLIGHT,
    "MAXINFLIGHTREQUESTS": _IN_FLIGHT,
    "MAXINFLIGHTREQUESTSPERCONNECTION": _IN_FLIGHT,
    "PARTITIONER": _PARTITIONER,
    "PARTITIONERCLASS": _PARTITIONER,
}


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the operator gave. A value from a file is never shown: it may be the wrong file."""

    text: str
    from_file: bool = False


def read_values(environ: Mapping[str, str]) -> tuple[dict[str, Given], list[str]]:
    """Return the variables that are set, in the catalogue's order, and a line per problem with a name or a file."""
    known = by_name()
    values: dict[str, Given] = {}
    problems: list[str] = []
    for name in known:
        file_name = name + FILE_SUFFIX
        if name in environ and file_name in environ:
            problems.append(f"{name}: is set, and so is {file_name}; remove one of them")
        elif name in environ:
            values[name] = Given(environ[name])
        elif file_name in environ:
            try:
                values[name] = Given(_read(environ[file_name]), from_file=True)
            except (OSError, ValueError) as error:
                problems.append(
                    f"{file_name}: {environ[file_name]!r} {why_unreadable(error)}; fix the path or the file"
                )
    for name, value in sorted(environ.items()):
        if name not in known and name.removesuffix(FILE_SUFFIX) not in known:
            problem = _unknown(name, value)
            if problem is not None:
                problems.append(f"{name}: {problem}")
    return values, problems


def why_unreadable(error: OSError | ValueError) -> str:
    """Say why a file could not be read, as the end of a sentence that starts with its name."""
    match error:
        case UnicodeDecodeError():
            return "is not UTF-8"
        case OSError():
            return f"cannot be read ({error.strerror})"
        case _:
            return str(error)


def _read(file_name: str) -> str:
    with Path(file_name).open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"has more than {LARGEST_FILE} bytes")
    return content.decode().rstrip("\r\n")


def _unknown(name: str, value: str) -> str | None:
    """Describe the problem with an unknown variable; None if it is not a mistake."""
    if not name.startswith(PREFIX):
        upper = name.upper()
        if upper in by_name() or upper.removesuffix(FILE_SUFFIX) in by_name():
            return f"is not read, because names are upper-case; rename it to {upper}"
        return None
    if _SERVICE_NAME.fullmatch(name) or (name.endswith("_PORT") and _SERVICE_URL.fullmatch(value)):
        return None
    tail = name.removeprefix(PREFIX)
    fixed = _FIXED.get(tail.removeprefix("KAFKA").replace("_", ""))
    if fixed is not None:
        return f"cannot be set: {fixed}; remove it"
    tails = [known.removeprefix(PREFIX) for known in by_name()]
    close = get_close_matches(tail, tails + [known + FILE_SUFFIX for known in tails], n=1)
    if close:
        return f"is not known; did you mean {PREFIX}{close[0]}?"
    return "is not known; config/adapter.env.example lists every variable"
