"""Which variables of an environment are meant for the adapter, and their values: names, `_FILE` forms, misspellings."""

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
# More than any secret needs; /dev/zero must not fill the memory.
LARGEST_FILE = 1_048_576

# Kubernetes (and Docker's links) describe a service named `adapter…` in variables of these forms to every container
# near it. They are not the operator's words, and none can be meant for us: we have no such endings or no such values.
_SERVICE_NAME = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://.*")

# Settings of Kafka's producer that are fixed on purpose, without punctuation.
_RETRIES = "retries are without limit within ADAPTER_KAFKA__DELIVERY_TIMEOUT_MS; set that instead"
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
    """A value that the operator gave; what came out of a file is shown nowhere, for it may be the wrong file."""

    text: str
    from_file: bool = False


def read_values(environ: Mapping[str, str]) -> tuple[dict[str, Given], list[str]]:
    """Find the variables that are set, in the catalogue's order, and a line for each problem with a name or a file."""
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
                    f"{file_name}: {environ[file_name]!r} {why_unreadable(error)}; mend the path or the file"
                )
    for name, value in sorted(environ.items()):
        if name not in known and name.removesuffix(FILE_SUFFIX) not in known:
            problem = _unknown(name, value)
            if problem is not None:
                problems.append(f"{name}: {problem}")
    return values, problems


def why_unreadable(error: OSError | ValueError) -> str:
    """Say why a file could not be read, as the end of a sentence that begins with its name."""
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
    """Say what is wrong with a variable that is none of ours; None when it is nobody's mistake."""
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
        return f"cannot be set: {fixed}. Remove it"
    tails = [known.removeprefix(PREFIX) for known in by_name()]
    close = get_close_matches(tail, tails + [known + FILE_SUFFIX for known in tails], n=1)
    if close:
        return f"is not known; did you mean {PREFIX}{close[0]}?"
    return "is not known; config/adapter.env.example has every variable"
