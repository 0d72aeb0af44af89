"""The property bag of Hono's MQTT topics: `telemetry/t/d/?content-type=text%2Fplain&hono-ttl=10`.

What follows the last `/?` is a URL query. As in Hono, names are case-insensitive, the first of several values counts,
and unknown properties are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from adapter.model import Refusal
from adapter.reasons import Reason
from adapter.routing.origin import has_control_characters
from adapter.routing.text import shown

DELIMITER = "/?"
_MAX_PROPERTIES = 32  # bounds the work for one topic
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

# Seconds: the longest Message Expiry Interval of MQTT 5.0 (section 3.3.2.3.3). Consumers add it to a time, which must
# not overflow.
LONGEST_TTL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class PropertyBag:
    """The properties that have a meaning here. `hono_ttl` is the text as received: it has a meaning in events only."""

    content_type: str | None = None
    hono_ttl: str | None = None


_EMPTY = PropertyBag()


def split(topic: str) -> tuple[str, PropertyBag | Refusal]:
    """Split a topic from its property bag, which is a Refusal if it cannot be decoded."""
    address, delimiter, query = topic.rpartition(DELIMITER)
    if not delimiter:
        return topic, _EMPTY
    return address, _parse(query)


def _parse(query: str) -> PropertyBag | Refusal:
    if _BROKEN_ESCAPE.search(query):
        return Refusal(Reason.BAD_TOPIC, f"property bag {shown(query)}: a % must be followed by two hex digits")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PROPERTIES)
    except UnicodeDecodeError:
        return Refusal(Reason.BAD_TOPIC, f"property bag {shown(query)}: its %-escapes are not UTF-8")
    except ValueError:
        return Refusal(Reason.BAD_TOPIC, f"property bag: more than {_MAX_PROPERTIES} properties")
    properties: dict[str, str] = {}
    for name, value in pairs:
        properties.setdefault(name.lower(), value)
    content_type = properties.get("content-type")
    # %-escapes bypass the checks that are made on the strings of MQTT ([MQTT-1.5.4-2] and the control characters).
    if content_type is not None and has_control_characters(content_type):
        return Refusal(Reason.BAD_TOPIC, f"property bag: content-type {shown(content_type)} has control characters")
    return PropertyBag(content_type=content_type, hono_ttl=properties.get("hono-ttl"))


def seconds(hono_ttl: str) -> int | None:
    """Return the value of `hono-ttl` in seconds, at most LONGEST_TTL; None if it is no whole number, as in Hono."""
    if not (hono_ttl.isascii() and hono_ttl.isdigit()):
        return None
    digits = hono_ttl.lstrip("0") or "0"
    return min(int(digits), LONGEST_TTL) if len(digits) <= len(str(LONGEST_TTL)) else LONGEST_TTL
